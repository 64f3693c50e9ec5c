// 3x3 convolutions of stride 1 by F(2x2, 3x3) of Winograd's minimal filtering (Lavin and Gray, arXiv:1509.09308, section 4.1):
// squares of 2x2 outputs need 16 products a channel in place of 36. Windows of 4x4 pixels are transformed by additions alone,
// multiplied by weights that were transformed when they were packed, place by place, and transformed back. What becomes of a
// square does not depend on those beside it.

// Places of a transformed window.
enum { WINOGRAD_PLACES = 16 };

// The squares of all images' outputs, image by image, in rows of `across`; `count` from `first` on are at work.
typedef struct {
    ptrdiff_t across, down, first, count;
    // The transformed windows (places, count, channels), their places `apart` values from each other.
    float *windows;
    ptrdiff_t apart;
    // The products (places, count, panel), and the outputs of a row of squares (2, 2 * across, panel).
    sum *products, *outputs;
} squares;

// Where a square is.
typedef struct {
    ptrdiff_t image, y, x;
} square;

INLINE square square_at(const squares *s, ptrdiff_t index) {
    const ptrdiff_t row = index / s->across;
    return (square){row / s->down, row % s->down, index % s->across};
}

// B^T d B of one window: over its lines, then over its columns.
INLINE void transform_window(vec d[4][4]) {
#pragma clang loop unroll(full)
    for (int x = 0; x < 4; x++) {
        const vec d0 = d[0][x], d1 = d[1][x], d2 = d[2][x], d3 = d[3][x];
        d[0][x] = d0 - d2, d[1][x] = d1 + d2, d[2][x] = d2 - d1, d[3][x] = d1 - d3;
    }
#pragma clang loop unroll(full)
    for (int y = 0; y < 4; y++) {
        const vec d0 = d[y][0], d1 = d[y][1], d2 = d[y][2], d3 = d[y][3];
        d[y][0] = d0 - d2, d[y][1] = d1 + d2, d[y][2] = d2 - d1, d[y][3] = d1 - d3;
    }
}

// One column of d B for one line of the window: a sum or a difference of two of the line's pixels.
INLINE vec along_line(int column, const float *line, ptrdiff_t pixel) {
    const vec d1 = load(line + pixel), d2 = load(line + 2 * pixel);
    switch (column) {
        case 0: return load(line) - d2;
        case 1: return d1 + d2;
        case 2: return d2 - d1;
        default: return d1 - load(line + 3 * pixel);
    }
}

// All channels of a window inside the map, from its first pixel on. Loading pixels again costs less than to keep all of a window:
// there are not as many registers.
static void transform_inside(const float *from, ptrdiff_t line, ptrdiff_t pixel, ptrdiff_t channels, float *to,
                             ptrdiff_t apart) {
    for (ptrdiff_t channel = 0; channel < channels; channel += SG_LANES, from += SG_LANES, to += SG_LANES)
#pragma clang loop unroll(full)
        for (int x = 0; x < 4; x++) {
            const vec d0 = along_line(x, from, pixel), d1 = along_line(x, from + line, pixel);
            const vec d2 = along_line(x, from + 2 * line, pixel), d3 = along_line(x, from + 3 * line, pixel);
            store(to + x * apart, d0 - d2);
            store(to + (4 + x) * apart, d1 + d2);
            store(to + (8 + x) * apart, d2 - d1);
            store(to + (12 + x) * apart, d1 - d3);
        }
}

// All channels of a window whose first pixel is (top, left): what lies beside the map is zero.
static void transform_across(const sg_convolution *t, ptrdiff_t image, ptrdiff_t top, ptrdiff_t left, float *to,
                             ptrdiff_t apart) {
    const ptrdiff_t pixel = t->images * t->channels, line = t->width * pixel;
    const float *from = (const float *)t->x + top * line + left * pixel + image * t->channels;
    for (ptrdiff_t channel = 0; channel < t->channels; channel += SG_LANES) {
        vec d[4][4];
#pragma clang loop unroll(full)
        for (int y = 0; y < 4; y++)
#pragma clang loop unroll(full)
            for (int x = 0; x < 4; x++) {
                const int inside = top + y >= 0 && top + y < t->height && left + x >= 0 && left + x < t->width;
                d[y][x] = inside ? load(from + y * line + x * pixel + channel) : (vec){0};
            }
        transform_window(d);
#pragma clang loop unroll(full)
        for (int i = 0; i < WINOGRAD_PLACES; i++) store(to + i * apart + channel, d[i / 4][i % 4]);
    }
}

static void transform_windows(const sg_convolution *t, const squares *s) {
    const ptrdiff_t pixel = t->images * t->channels, line = t->width * pixel;
    for (ptrdiff_t i = 0; i < s->count; i++) {
        const square q = square_at(s, s->first + i);
        const ptrdiff_t top = 2 * q.y - 1, left = 2 * q.x - 1;
        float *to = s->windows + i * t->channels;
        if (top < 0 || left < 0 || top + 4 > t->height || left + 4 > t->width)
            transform_across(t, q.image, top, left, to, s->apart);
        else
            transform_inside((const float *)t->x + top * line + left * pixel + q.image * t->channels, line, pixel, t->channels, to,
                             s->apart);
    }
}

// A^T m A of one square and vector: two outputs of the line above and two of the one below.
INLINE void transform_back(const sum *m, ptrdiff_t apart, sum *above, sum *below) {
    sum up[4], down[4];
#pragma clang loop unroll(full)
    for (int x = 0; x < 4; x++) {
        const sum m0 = m[x * apart], m1 = m[(4 + x) * apart], m2 = m[(8 + x) * apart], m3 = m[(12 + x) * apart];
        up[x] = m0 + m1 + m2, down[x] = m1 - m2 - m3;
    }
    above[0] = up[0] + up[1] + up[2], above[2] = up[1] - up[2] - up[3];
    below[0] = down[0] + down[1] + down[2], below[2] = down[1] - down[2] - down[3];
}

// The outputs of `count` squares of one row.
static void finish_squares(const sg_convolution *t, const squares *s, ptrdiff_t first, ptrdiff_t count, int vectors,
                           ptrdiff_t column) {
    const sum *products = s->products + 2 * (first - s->first);
    sum *above = s->outputs, *below = above + 4 * count;
    for (ptrdiff_t i = 0; i < 2 * count; i += 2)
        for (int v = 0; v < vectors; v++)
            transform_back(products + i + v, 2 * s->count, above + 2 * i + v, below + 2 * i + v);
    const square q = square_at(s, first);
    const ptrdiff_t y = 2 * q.y, x = 2 * q.x, left = t->out_width - x;
    const int width = (int)(left < 2 * count ? left : 2 * count);
    const sg_linear how = finishing(t, t->images);
    const ptrdiff_t place = (y * t->out_width + x) * t->images + q.image;
    finish_places(t, &how, above, width, vectors, column, place);
    if (y + 1 < t->out_height) finish_places(t, &how, below, width, vectors, column, place + t->out_width * t->images);
}

static void squares_panel(const sg_convolution *t, const squares *s, const words *panel, ptrdiff_t column, int vectors) {
    const ptrdiff_t c = t->channels;
    const float *windows = s->windows;
    sum *products = s->products;
    // Tiles as even as they can be: the first ones take a row more.
    const int tiles = (int)((s->count + SG_TILE - 1) / SG_TILE), rows = (int)(s->count / tiles), more = (int)(s->count % tiles);
    reach r = {.runs = 1, .run = c};
    for (int place = 0; place < WINOGRAD_PLACES; place++, windows += s->apart, products += 2 * s->count) {
        const words *next = panel + c * vectors;
        const uint32_t *a = (const uint32_t *)(const void *)windows;
        sum *to = products;
        for (int i = 0; i < tiles; i++) {
            const int count = rows + (i < more);
            // The next place's weights, which follow this one's, are asked for by the first tiles.
            r.ahead = i < vectors ? next + i * c : NULL;
            tile_sums(count, vectors, &r, a, c, panel, to, 2);
            a += count * c, to += 2 * count;
        }
        panel = next;
    }
    for (ptrdiff_t i = s->first; i < s->first + s->count;) {
        const ptrdiff_t left = s->first + s->count - i, row = s->across - i % s->across, count = left < row ? left : row;
        finish_squares(t, s, i, count, vectors, column);
        i += count;
    }
}

static void winograd(const sg_convolution *t) {
    squares s = {.across = (t->out_width + 1) / 2, .down = (t->out_height + 1) / 2};
    const ptrdiff_t all = s.across * s.down * t->images, c = t->channels;
    const ptrdiff_t most = sg_infer_winograd_squares(all, c), blocks = (all + most - 1) / most;
    s.windows = t->scratch;
    // Not a power of two apart: the places would share a few lines of the first cache.
    s.apart = most * c + PANEL;
    s.products = (sum *)(void *)(s.windows + WINOGRAD_PLACES * s.apart);
    s.outputs = s.products + WINOGRAD_PLACES * 2 * most;
    for (ptrdiff_t block = 0; block < blocks; block++) {
        s.first = all * block / blocks;
        s.count = all * (block + 1) / blocks - s.first;
        transform_windows(t, &s);
        const words *panel = t->w->panels;
        for (ptrdiff_t column = 0; column < t->w->columns; column += PANEL) {
            const int vectors = t->w->columns - column >= PANEL ? 2 : 1;
            squares_panel(t, &s, panel, column, vectors);
            panel += vectors * t->w->depth;
        }
    }
}
