// Convolutions over channels-last maps without borders: the window's places outside the map are left out, not filled
// with zeros. Every output is a sum in one order of places and channels, whatever lies beside it.

enum { WINDOW_MAX = SG_WINDOW_MAX };

// Neighbouring outputs along one side whose windows have the same places inside the map: tap..<tap + taps.
typedef struct {
    ptrdiff_t first, count, tap, taps;
} span;

static int find_spans(ptrdiff_t size, ptrdiff_t out, const sg_convolution *t, span *spans) {
    int found = 0;
    for (ptrdiff_t o = 0; o < out; o++) {
        const ptrdiff_t start = o * t->stride - t->padding;
        const ptrdiff_t tap = start < 0 ? -start : 0;
        const ptrdiff_t end = size - start < t->side ? size - start : t->side;
        if (found > 0 && spans[found - 1].tap == tap && spans[found - 1].taps == end - tap)
            spans[found - 1].count++;
        else
            spans[found++] = (span){o, 1, tap, end - tap};
    }
    return found;
}

// What finishes a product's rows, `step` outputs apart.
static sg_linear finishing(const sg_convolution *t, ptrdiff_t step) {
    static const float zero = 0;
    return (sg_linear){
        .w = t->w, .a_scale = t->x_scale, .a_zero = &zero, .c_row = step * t->w->columns, .c_kind = t->y_kind,
        .activation = t->activation,
    };
}

static void finish_places(const sg_convolution *t, const sg_linear *how, const sum *sums, int rows, int vectors,
                          ptrdiff_t column, ptrdiff_t place) {
    const size_t size = t->y_kind == SG_KIND_BF16 ? 2 : 4, at = size * (size_t)(place * t->w->columns);
    const addition add = {t->addend ? (const char *)t->addend + at : NULL, t->y_kind, how->c_row};
    finish(sums, rows, vectors, how, column, 0, add, (char *)t->y + at);
}

// MARK: Large maps: rectangles of outputs that share the places of their windows

static void rectangle(const sg_convolution *t, span y, span x, const words *panel, ptrdiff_t column, int vectors) {
    const ptrdiff_t c = t->channels, line = t->width * c;
    const reach r = {.runs = y.taps, .run = x.taps * c / GROUP, .stride = line / GROUP,
                     .skip = (t->side - x.taps) * c / GROUP * vectors};
    const value *corner = (const value *)t->x + (y.first * t->stride - t->padding + y.tap) * line +
                          (x.first * t->stride - t->padding + x.tap) * c;
    panel += (y.tap * t->side + x.tap) * c / GROUP * vectors;
    // Tiles run along the longer side.
    const int tall = y.count > x.count;
    const ptrdiff_t rows = tall ? y.count : x.count, lines = tall ? x.count : y.count;
    const ptrdiff_t across = t->stride * c, down = t->stride * line;
    const ptrdiff_t step = tall ? t->out_width : 1, turn = tall ? 1 : t->out_width;
    const sg_linear how = finishing(t, step);
    sum sums[2 * SG_TILE];
    for (ptrdiff_t l = 0; l < lines; l++)
        for (ptrdiff_t i = 0; i < rows;) {
            const int count = tile_rows(rows - i);
            const value *a = corner + l * (tall ? across : down) + i * (tall ? down : across);
            tile_sums(count, vectors, &r, (const uint32_t *)(const void *)a, (tall ? down : across) / GROUP, panel, sums,
                      2);
            finish_places(t, &how, sums, count, vectors, column,
                          y.first * t->out_width + x.first + l * turn + i * step);
            i += count;
        }
}

// MARK: Small maps: place by place of the window, the sums of all outputs in the first cache

// sums[place[i]] += rows of a times a panel, taken from 0: what a sum loses grows with what was added to it before.
INLINE void tile_more(const int rows, const int vectors, const int asked, reach r, const uint32_t *a, ptrdiff_t a_row,
                      const words *panel, sum *sums, const int32_t *place) {
    sum left[SG_TILE], right[SG_TILE];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) left[i] = right[i] = (sum){0};
    multiply(rows, vectors, asked, r, a, a_row, panel, left, right);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        sums[2 * place[i]] += left[i];
        if (vectors == 2) sums[2 * place[i] + 1] += right[i];
    }
}

#undef CASE
#define CASE(R, V)                                                                    \
    case R:                                                                           \
        if (r.ahead)                                                                  \
            tile_more(R, V, V, r, a, a_row, panel, sums, place);                      \
        else                                                                          \
            tile_more(R, V, 0, r, a, a_row, panel, sums, place);                      \
        break;

static __attribute__((noinline)) void add_sums(int rows, int vectors, const reach *how, const uint32_t *a, ptrdiff_t a_row,
                                               const words *panel, sum *sums, const int32_t *place) {
    const reach r = *how;
    if (vectors == 2)
        switch (rows) { CASES(2) }
    else
        switch (rows) { CASES(1) }
}

// For each place of the window the pixels under it, copied together, and the outputs that they belong to.
typedef struct {
    ptrdiff_t first[WINDOW_MAX * WINDOW_MAX + 1];
    int32_t *places;
    value *pixels;
    sum *sums;
} gathered;

static gathered gather_pixels(const sg_convolution *t) {
    const ptrdiff_t outputs = t->out_height * t->out_width, taps = t->side * t->side, c = t->channels;
    gathered g;
    g.sums = t->scratch;
    g.places = (int32_t *)(g.sums + 2 * outputs);
    g.pixels = (value *)(void *)((char *)g.places + (sizeof(int32_t) * (size_t)(outputs * taps) + 63) / 64 * 64);
    ptrdiff_t row = 0;
    for (ptrdiff_t tap = 0; tap < taps; tap++) {
        g.first[tap] = row;
        for (ptrdiff_t place = 0; place < outputs; place++) {
            const ptrdiff_t y = place / t->out_width * t->stride - t->padding + tap / t->side;
            const ptrdiff_t x = place % t->out_width * t->stride - t->padding + tap % t->side;
            if (y < 0 || y >= t->height || x < 0 || x >= t->width) continue;
            memcpy(g.pixels + row * c, (const value *)t->x + (y * t->width + x) * c, sizeof(value) * (size_t)c);
            g.places[row++] = (int32_t)place;
        }
    }
    g.first[taps] = row;
    return g;
}

// The outputs along one side whose windows' place `tap` lies inside the map, and the pixel under the first one's.
typedef struct {
    ptrdiff_t first, count, from;
} strip;

static strip strip_of(ptrdiff_t size, ptrdiff_t out, const sg_convolution *t, ptrdiff_t tap) {
    const ptrdiff_t start = tap - t->padding;
    const ptrdiff_t first = start < 0 ? (-start + t->stride - 1) / t->stride : 0;
    const ptrdiff_t end = size > start ? (size - start + t->stride - 1) / t->stride : 0, last = end < out ? end : out;
    return (strip){first, last > first ? last - first : 0, start + first * t->stride};
}

// Sums of all outputs of all images, which are their own places.
static gathered all_places(const sg_convolution *t) {
    const ptrdiff_t outputs = t->out_height * t->out_width * t->images;
    gathered g = {.sums = t->scratch};
    g.places = (int32_t *)(g.sums + 2 * outputs);
    for (ptrdiff_t i = 0; i < outputs; i++) g.places[i] = (int32_t)i;
    return g;
}

static void small_panel(const sg_convolution *t, const gathered *g, const words *panel, ptrdiff_t column,
                        int vectors) {
    const ptrdiff_t outputs = t->out_height * t->out_width, taps = t->side * t->side, depth = t->channels / GROUP;
    memset(g->sums, 0, sizeof(sum) * (size_t)(2 * outputs));
    for (ptrdiff_t tap = 0; tap < taps; tap++, panel += depth * vectors)
        for (ptrdiff_t i = g->first[tap]; i < g->first[tap + 1];) {
            const int rows = tile_rows(g->first[tap + 1] - i);
            // Few rows use a place's weights: the first of them ask for the next place's.
            const words *ahead = i == g->first[tap] ? panel + depth * vectors : NULL;
            const reach r = {.runs = 1, .run = depth, .ahead = ahead};
            const uint32_t *a = (const uint32_t *)(const void *)(g->pixels + i * t->channels);
            add_sums(rows, vectors, &r, a, depth, panel, g->sums, g->places + i);
            i += rows;
        }
    const sg_linear how = finishing(t, 1);
    finish_places(t, &how, g->sums, (int)outputs, vectors, column, 0);
}

// MARK: Maps of several images, side by side in every pixel

// A panel's sums of all images, place by place of the window. What lies under a place is read where it is, since the images'
// pixels follow each other: a line of few pixels still fills tiles, and a place's weights serve all images.
static void images_panel(const sg_convolution *t, const gathered *g, const words *panel, ptrdiff_t column, int vectors) {
    const ptrdiff_t images = t->images, c = t->channels, depth = c / GROUP, line = t->out_width * images;
    memset(g->sums, 0, sizeof(sum) * (size_t)(2 * t->out_height * line));
    for (ptrdiff_t tap = 0; tap < t->side * t->side; tap++, panel += depth * vectors) {
        const strip y = strip_of(t->height, t->out_height, t, tap / t->side);
        const strip x = strip_of(t->width, t->out_width, t, tap % t->side);
        // Outputs that follow each other as their pixels do: whole maps, lines, or single pixels.
        const int lines_join = t->stride == 1 && x.count == t->out_width && x.count == t->width;
        const ptrdiff_t down = lines_join ? 1 : y.count, across = t->stride == 1 ? 1 : x.count;
        const ptrdiff_t rows = images * (lines_join ? y.count : 1) * (t->stride == 1 ? x.count : 1);
        // The first tile asks for the next place's weights.
        const words *ahead = panel + depth * vectors;
        for (ptrdiff_t run = 0; run < down * across; run++) {
            const ptrdiff_t oy = run / across, ox = run % across;
            const ptrdiff_t pixel = (y.from + oy * t->stride) * t->width + x.from + ox * t->stride;
            const value *a = (const value *)t->x + pixel * images * c;
            const int32_t *place = g->places + (y.first + oy) * line + (x.first + ox) * images;
            for (ptrdiff_t i = 0; i < rows;) {
                const int count = tile_rows(rows - i);
                const reach r = {.runs = 1, .run = depth, .ahead = ahead};
                add_sums(count, vectors, &r, (const uint32_t *)(const void *)(a + i * c), depth, panel, g->sums, place + i);
                i += count;
                ahead = NULL;
            }
        }
    }
    const ptrdiff_t outputs = t->out_height * t->out_width;
    sg_linear how = finishing(t, 1);
    if (SG_KIND != SG_KIND_U8) {
        finish_places(t, &how, g->sums, (int)(outputs * images), vectors, column, 0);
        return;
    }
    // The images' scales differ.
    static const float zeros[SG_IMAGES_MAX];
    how.scale_row = 1, how.a_zero = zeros;
    for (ptrdiff_t place = 0; place < outputs; place++)
        finish_places(t, &how, g->sums + 2 * place * images, (int)images, vectors, column, place * images);
}

// MARK: Choice

// Below SG_LARGE_SIDE outputs along a side, rectangles leave tiles too small.
static void convolution(const sg_convolution *t) {
    const int several = t->images > 1;
    const int small = several || t->out_height < SG_LARGE_SIDE || t->out_width < SG_LARGE_SIDE;
    span ys[2 * WINDOW_MAX], xs[2 * WINDOW_MAX];
    const int y_count = small ? 0 : find_spans(t->height, t->out_height, t, ys);
    const int x_count = small ? 0 : find_spans(t->width, t->out_width, t, xs);
    gathered g;
    if (small) g = several ? all_places(t) : gather_pixels(t);
    const words *panel = t->w->panels;
    for (ptrdiff_t column = 0; column < t->w->columns; column += PANEL) {
        const int vectors = t->w->columns - column >= PANEL ? 2 : 1;
        if (several)
            images_panel(t, &g, panel, column, vectors);
        else if (small)
            small_panel(t, &g, panel, column, vectors);
        for (int y = 0; y < y_count; y++)
            for (int x = 0; x < x_count; x++) rectangle(t, ys[y], xs[x], panel, column, vectors);
        panel += vectors * (t->w->depth / GROUP);
    }
}

#if SG_KIND == 2
// Of a map that holds what is no number the scale is none.
static void to_bytes(const void *x, int x_kind, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t row, void *bytes,
                     float *scale) {
    vec high = {0};
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = i * row; j < i * row + columns; j += SG_LANES) high = largest_of(high, load_as(x_kind, x, j));
    const float most = highest(high);
    const vec inverse = all(most > 0 ? 255.0f / most : 0);
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = i * row; j < i * row + columns; j += SG_LANES) {
            const vec scaled = larger(load_as(x_kind, x, j) * inverse, (vec){0});
            _mm_storeu_si128((__m128i *)(void *)((uint8_t *)bytes + j),
                             _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32((__m512)scaled)));
        }
    *scale = most / 255.0f;
}
#endif
