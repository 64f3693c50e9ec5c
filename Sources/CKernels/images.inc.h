// Kernels over channels-last images whose inner loop is over the channels.

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
                        const int larger = from[c] > y[c];
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
