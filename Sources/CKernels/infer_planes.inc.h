// 3x3 convolutions of few channels, over planes: one channel after another, the pixels of a plane along the vectors. A
// product over channels-last maps would fill a vector's lanes with as many outputs as there are, of six a third.
//
// Lines share their border: the zero behind a line is the zero before the next. So a plane is one run of places, of which each
// window's place is a fixed distance ahead or behind, and the sums over what falls on the border are thrown away.

// Sums of a tile stay in registers: a vector of weights and the vectors of a place beside them.
#if SG_WIDE
enum { PLANE_OUTPUTS = 8, PLANE_VECTORS = 3 };
#else
enum { PLANE_OUTPUTS = 4, PLANE_VECTORS = 2 };
#endif

// The distance from one line's pixels to the next's.
INLINE ptrdiff_t plane_line(ptrdiff_t width) { return width + 1; }

// `vectors` vectors of `outputs` planes from a place on. outputs and vectors are constants where this is inlined.
INLINE void plane_tile(const int outputs, const int vectors, const sg_planes *t, const float *x, const float *w,
                       const float *bias, float *y, ptrdiff_t plane) {
    const ptrdiff_t line = plane_line(t->width);
    vec sums[PLANE_OUTPUTS][PLANE_VECTORS];
#pragma clang loop unroll(full)
    for (int o = 0; o < outputs; o++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) sums[o][v] = all(bias[o]);
    x -= line + 1;
    for (ptrdiff_t i = 0; i < t->inputs; i++, x += plane)
        for (ptrdiff_t y0 = 0; y0 < 3; y0++)
#pragma clang loop unroll(full)
            for (ptrdiff_t x0 = 0; x0 < 3; x0++, w += outputs) {
                const float *at = x + y0 * line + x0;
                vec pixels[PLANE_VECTORS];
#pragma clang loop unroll(full)
                for (int v = 0; v < vectors; v++) pixels[v] = load(at + v * SG_LANES);
#pragma clang loop unroll(full)
                for (int o = 0; o < outputs; o++) {
                    const vec weight = all(w[o]);
#pragma clang loop unroll(full)
                    for (int v = 0; v < vectors; v++) sums[o][v] = FMA(weight, pixels[v], sums[o][v]);
                }
            }
#pragma clang loop unroll(full)
    for (int o = 0; o < outputs; o++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) store(y + o * plane + v * SG_LANES, larger((vec){0}, sums[o][v]));
}

#undef CASE
#define CASE(O, V) \
    case O * 4 + V: plane_tile(O, V, t, x, w, bias, y, plane); break;
#if SG_WIDE
#define PLANE_CASES(O) CASE(O, 1) CASE(O, 2) CASE(O, 3)
#else
#define PLANE_CASES(O) CASE(O, 1) CASE(O, 2)
#endif

static void plane_places(int outputs, int vectors, const sg_planes *t, const float *x, const float *w,
                         const float *bias, float *y, ptrdiff_t plane) {
    switch (outputs * 4 + vectors) {
        PLANE_CASES(1)
        PLANE_CASES(2)
        PLANE_CASES(3)
        PLANE_CASES(4)
#if SG_WIDE
        PLANE_CASES(5)
        PLANE_CASES(6)
        PLANE_CASES(7)
        PLANE_CASES(8)
#endif
    }
}

// How many of the outputs from `first` on are summed together: blocks as even as they can be.
INLINE int plane_block(ptrdiff_t outputs, ptrdiff_t first) {
    const ptrdiff_t left = outputs - first, blocks = (left + PLANE_OUTPUTS - 1) / PLANE_OUTPUTS;
    return (int)((left + blocks - 1) / blocks);
}

static void clear(float *x, ptrdiff_t count) { memset(x, 0, sizeof(float) * (size_t)count); }

static void clear_borders(float *plane, ptrdiff_t height, ptrdiff_t width) {
    const ptrdiff_t line = plane_line(width), first = sg_infer_plane_first(width);
    clear(plane, first);
    for (ptrdiff_t i = 0; i < height; i++) plane[first + i * line + width] = 0;
    clear(plane + first + height * line, line + 1);
}

static void planes(const sg_planes *t) {
    const ptrdiff_t plane = (ptrdiff_t)sg_infer_plane(t->height, t->width), first = sg_infer_plane_first(t->width);
    const ptrdiff_t end = first + t->height * plane_line(t->width);
    for (ptrdiff_t place = first; place < end;) {
        const ptrdiff_t left = (end - place + SG_LANES - 1) / SG_LANES;
        const int vectors = left < PLANE_VECTORS ? (int)left : PLANE_VECTORS;
        const float *w = t->w;
        for (ptrdiff_t o = 0; o < t->outputs;) {
            const int outputs = plane_block(t->outputs, o);
            plane_places(outputs, vectors, t, t->x + place, w, t->bias + o, t->y + o * plane + place, plane);
            w += outputs * 9 * t->inputs;
            o += outputs;
        }
        place += vectors * SG_LANES;
    }
    for (ptrdiff_t o = 0; o < t->outputs; o++) clear_borders(t->y + o * plane, t->height, t->width);
}

static void pack_planes(const float *w, ptrdiff_t inputs, ptrdiff_t outputs, float *packed) {
    for (ptrdiff_t o = 0; o < outputs;) {
        const int block = plane_block(outputs, o);
        for (ptrdiff_t k = 0; k < 9 * inputs; k++)
            for (int i = 0; i < block; i++) *packed++ = w[(o + i) * 9 * inputs + k];
        o += block;
    }
}

// Means of the 2x2 squares; an odd last line or column takes no part.
static void halve_planes(const float *x, ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, float *y) {
    const ptrdiff_t from = (ptrdiff_t)sg_infer_plane(height, width), line = plane_line(width);
    const ptrdiff_t to = (ptrdiff_t)sg_infer_plane(height / 2, width / 2);
    for (ptrdiff_t c = 0; c < channels; c++, x += from, y += to) {
        for (ptrdiff_t i = 0; i < height / 2; i++) {
            const float *above = x + sg_infer_plane_first(width) + 2 * i * line, *below = above + line;
            float *out = y + sg_infer_plane_first(width / 2) + i * plane_line(width / 2);
            for (ptrdiff_t j = 0; j < width / 2; j++)
                out[j] = 0.25f * (above[2 * j] + above[2 * j + 1] + below[2 * j] + below[2 * j + 1]);
        }
        clear_borders(y, height / 2, width / 2);
    }
}

// The mean and the largest value of each plane, of which none is negative: borders, which are zero, change neither.
static void sum_up_planes(const float *x, ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, float *means,
                          float *peaks) {
    const ptrdiff_t count = height * plane_line(width), plane = (ptrdiff_t)sg_infer_plane(height, width);
    x += sg_infer_plane_first(width);
    for (ptrdiff_t c = 0; c < channels; c++, x += plane) {
        vec sums = {0}, most = {0};
        ptrdiff_t at = 0;
        for (; at + SG_LANES <= count; at += SG_LANES) {
            sums += load(x + at);
            most = largest_of(most, load(x + at));
        }
        float sum = total(sums), high = highest(most);
        for (; at < count; at++) {
            sum += x[at];
            high = x[at] > high || x[at] != x[at] ? x[at] : high;
        }
        means[c] = sum / (float)(height * width);
        peaks[c] = high;
    }
}
