// Kernels over channels-last images whose inner loop is over the channels.

// to = `count` values of from, without the call that a few dozen are not worth. What fills no last vector is the last vector
// once more, as far as it reaches back.
static inline __attribute__((always_inline)) void copy_run(float *to, const float *from, ptrdiff_t count) {
    const ptrdiff_t last = count - SG_LANES;
    if (last >= 0) {
#pragma clang loop unroll(disable)
        for (ptrdiff_t i = 0; i < last; i += SG_LANES) *(sg_vector *)(to + i) = *(const sg_vector *)(from + i);
        *(sg_vector *)(to + last) = *(const sg_vector *)(from + last);
    } else if (SG_LANES > 8 && count >= 8) {
        memcpy(to, from, 8 * sizeof(float));
        memcpy(to + count - 8, from + count - 8, 8 * sizeof(float));
    } else if (SG_LANES > 4 && count >= 4) {
        memcpy(to, from, 4 * sizeof(float));
        memcpy(to + count - 4, from + count - 4, 4 * sizeof(float));
    } else {
#pragma clang loop vectorize(disable) unroll(disable)
        for (ptrdiff_t i = 0; i < count; i++) to[i] = from[i];
    }
}

static void im2col(const float *image, float *columns, ptrdiff_t columns_row, const sg_window *w, ptrdiff_t first,
                   ptrdiff_t end) {
    const ptrdiff_t channels = w->channels, run = w->window_width * channels, line = w->width * channels;
    for (ptrdiff_t oy = first; oy < end; oy++)
        for (ptrdiff_t ox = 0; ox < w->out_width; ox++, columns += columns_row) {
            const ptrdiff_t top = oy * w->stride - w->padding, left = ox * w->stride - w->padding;
            float *to = columns;
            if (top >= 0 && top + w->window_height <= w->height && left >= 0 && left + w->window_width <= w->width) {
                const float *from = image + top * line + left * channels;
                for (ptrdiff_t ky = 0; ky < w->window_height; ky++, to += run, from += line) copy_run(to, from, run);
                continue;
            }
            const ptrdiff_t kx0 = left < 0 ? -left : 0;
            const ptrdiff_t kx1 = left + w->window_width > w->width ? w->width - left : w->window_width;
            for (ptrdiff_t iy = top; iy < top + w->window_height; iy++, to += run) {
                if (iy < 0 || iy >= w->height || kx0 >= kx1) {
                    memset(to, 0, sizeof(float) * (size_t)run);
                    continue;
                }
                const ptrdiff_t before = kx0 * channels, inside = (kx1 - kx0) * channels;
                if (before > 0) memset(to, 0, sizeof(float) * (size_t)before);
                copy_run(to + before, image + iy * line + (left + kx0) * channels, inside);
                if (before + inside < run)
                    memset(to + before + inside, 0, sizeof(float) * (size_t)(run - before - inside));
            }
        }
}

static void maxpool(const float *image, float *y, uint16_t *place, const sg_window *w) {
    const ptrdiff_t channels = w->channels;
    for (ptrdiff_t oy = 0; oy < w->out_height; oy++)
        for (ptrdiff_t ox = 0; ox < w->out_width; ox++, y += channels, place += channels) {
            for (ptrdiff_t c = 0; c < channels; c++) {
                y[c] = -__builtin_inff();
                place[c] = 0;
            }
            for (ptrdiff_t ky = 0; ky < w->window_height; ky++)
                for (ptrdiff_t kx = 0; kx < w->window_width; kx++) {
                    const ptrdiff_t iy = oy * w->stride - w->padding + ky, ix = ox * w->stride - w->padding + kx;
                    if (iy < 0 || iy >= w->height || ix < 0 || ix >= w->width) continue;
                    const float *from = image + (iy * w->width + ix) * channels;
                    const uint16_t here = (uint16_t)(ky * w->window_width + kx);
                    for (ptrdiff_t c = 0; c < channels; c++) {
                        // What is no number is larger than any, and nothing is larger than it.
                        const int larger = (from[c] > y[c]) | (from[c] != from[c]);
                        y[c] = larger ? from[c] : y[c];
                        place[c] = larger ? here : place[c];
                    }
                }
        }
}

static void col2im(const float *columns, float *image, const sg_window *w) {
    const ptrdiff_t channels = w->channels;
    for (ptrdiff_t oy = 0; oy < w->out_height; oy++)
        for (ptrdiff_t ox = 0; ox < w->out_width; ox++)
            for (ptrdiff_t ky = 0; ky < w->window_height; ky++) {
                const ptrdiff_t iy = oy * w->stride - w->padding + ky, left = ox * w->stride - w->padding;
                const ptrdiff_t kx0 = left < 0 ? -left : 0;
                const ptrdiff_t kx1 = left + w->window_width > w->width ? w->width - left : w->window_width;
                if (iy >= 0 && iy < w->height && kx0 < kx1) {
                    float *to = image + (iy * w->width + left + kx0) * channels;
                    const float *from = columns + kx0 * channels;
                    for (ptrdiff_t i = 0; i < (kx1 - kx0) * channels; i++) to[i] += from[i];
                }
                columns += w->window_width * channels;
            }
}
