// Kernels over channels-last images that move memory rather than compute.
#include <string.h>

#include "CKernels.h"

void sg_maxpool_backward(const float *dy, const uint16_t *place, float *dimage, const sg_window *w) {
    for (ptrdiff_t oy = 0; oy < w->out_height; oy++)
        for (ptrdiff_t ox = 0; ox < w->out_width; ox++)
            for (ptrdiff_t c = 0; c < w->channels; c++, dy++, place++) {
                const ptrdiff_t iy = oy * w->stride - w->padding + *place / w->window_width;
                const ptrdiff_t ix = ox * w->stride - w->padding + *place % w->window_width;
                dimage[(iy * w->width + ix) * w->channels + c] += *dy;
            }
}

// Calls for every place of the window at (oy, ox) that lies in the image: `from` is its first channel's offset.
#define SG_EACH_PLACE(w, oy, ox, from)                                                              \
    for (ptrdiff_t ky = 0; ky < (w)->window_height; ky++)                                           \
        for (ptrdiff_t kx = 0; kx < (w)->window_width; kx++)                                        \
            for (ptrdiff_t iy = (oy) * (w)->stride - (w)->padding + ky,                             \
                           ix = (ox) * (w)->stride - (w)->padding + kx,                             \
                           from = (iy * (w)->width + ix) * (w)->channels, once = 1;                 \
                 once && iy >= 0 && iy < (w)->height && ix >= 0 && ix < (w)->width; once = 0)

void sg_avgpool(const float *image, float *y, const sg_window *w) {
    const float share = 1.0f / (float)(w->window_height * w->window_width);
    for (ptrdiff_t oy = 0; oy < w->out_height; oy++)
        for (ptrdiff_t ox = 0; ox < w->out_width; ox++, y += w->channels) {
            for (ptrdiff_t c = 0; c < w->channels; c++) y[c] = 0;
            SG_EACH_PLACE(w, oy, ox, from)
                for (ptrdiff_t c = 0; c < w->channels; c++) y[c] += image[from + c];
            for (ptrdiff_t c = 0; c < w->channels; c++) y[c] *= share;
        }
}

void sg_avgpool_backward(const float *dy, float *dimage, const sg_window *w) {
    const float share = 1.0f / (float)(w->window_height * w->window_width);
    for (ptrdiff_t oy = 0; oy < w->out_height; oy++)
        for (ptrdiff_t ox = 0; ox < w->out_width; ox++, dy += w->channels)
            SG_EACH_PLACE(w, oy, ox, from)
                for (ptrdiff_t c = 0; c < w->channels; c++) dimage[from + c] += share * dy[c];
}

void sg_transpose(const float *x, float *y, ptrdiff_t rows, ptrdiff_t columns, int accumulate) {
    enum { SIDE = 16 };
    for (ptrdiff_t r0 = 0; r0 < rows; r0 += SIDE)
        for (ptrdiff_t c0 = 0; c0 < columns; c0 += SIDE) {
            const ptrdiff_t r1 = r0 + SIDE < rows ? r0 + SIDE : rows;
            const ptrdiff_t c1 = c0 + SIDE < columns ? c0 + SIDE : columns;
            for (ptrdiff_t r = r0; r < r1; r++)
                for (ptrdiff_t c = c0; c < c1; c++) {
                    float *to = y + c * rows + r;
                    *to = accumulate ? *to + x[r * columns + c] : x[r * columns + c];
                }
        }
}
