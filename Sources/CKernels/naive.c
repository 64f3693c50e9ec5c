// The oracles: the definitions, word for word, in double.
#include <math.h>

#include "CKernels.h"

void sg_naive_gemm(const sg_gemm *g) {
    for (ptrdiff_t i = 0; i < g->m; i++)
        for (ptrdiff_t j = 0; j < g->n; j++) {
            double sum = 0;
            for (ptrdiff_t k = 0; k < g->k; k++)
                sum += (double)g->a[i * g->a_row + k * g->a_column] * (double)g->b[k * g->b_row + j * g->b_column];
            float *c = g->c + i * g->c_row + j;
            *c = (float)((double)g->alpha * sum + (g->bias ? (double)g->bias[j] : 0) +
                         (g->accumulate ? (double)*c : 0));
        }
}

void sg_naive_softmax(const float *x, float *y, ptrdiff_t rows, ptrdiff_t columns, float scale) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        double high = -INFINITY, sum = 0;
        for (ptrdiff_t j = 0; j < columns; j++) high = fmax(high, (double)scale * (double)x[row * columns + j]);
        for (ptrdiff_t j = 0; j < columns; j++) sum += exp((double)scale * (double)x[row * columns + j] - high);
        for (ptrdiff_t j = 0; j < columns; j++)
            y[row * columns + j] = (float)(exp((double)scale * (double)x[row * columns + j] - high) / sum);
    }
}

void sg_naive_layernorm(const float *x, const float *gamma, const float *beta, float *y, ptrdiff_t rows,
                        ptrdiff_t columns, float epsilon) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        double mean = 0, variance = 0;
        for (ptrdiff_t j = 0; j < columns; j++) mean += (double)x[row * columns + j] / (double)columns;
        for (ptrdiff_t j = 0; j < columns; j++) {
            const double centred = (double)x[row * columns + j] - mean;
            variance += centred * centred / (double)columns;
        }
        for (ptrdiff_t j = 0; j < columns; j++)
            y[row * columns + j] = (float)(((double)x[row * columns + j] - mean) / sqrt(variance + (double)epsilon) *
                                               (double)gamma[j] +
                                           (double)beta[j]);
    }
}

void sg_naive_gelu(const float *x, float *y, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] = (float)(0.5 * (double)x[i] * (1 + erf((double)x[i] / sqrt(2.0))));
}

void sg_naive_gelu_slope(const float *x, float *y, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const double v = (double)x[i];
        y[i] = (float)(0.5 * (1 + erf(v / sqrt(2.0))) + v * exp(-v * v / 2) / sqrt(2 * acos(-1.0)));
    }
}

void sg_naive_convolution(const float *image, const float *weight, float *y, ptrdiff_t cout, const sg_window *w) {
    for (ptrdiff_t oy = 0; oy < w->out_height; oy++)
        for (ptrdiff_t ox = 0; ox < w->out_width; ox++)
            for (ptrdiff_t o = 0; o < cout; o++) {
                double sum = 0;
                for (ptrdiff_t ky = 0; ky < w->window_height; ky++)
                    for (ptrdiff_t kx = 0; kx < w->window_width; kx++)
                        for (ptrdiff_t c = 0; c < w->channels; c++) {
                            const ptrdiff_t iy = oy * w->stride - w->padding + ky;
                            const ptrdiff_t ix = ox * w->stride - w->padding + kx;
                            if (iy < 0 || iy >= w->height || ix < 0 || ix >= w->width) continue;
                            sum += (double)image[(iy * w->width + ix) * w->channels + c] *
                                   (double)weight[((ky * w->window_width + kx) * w->channels + c) * cout + o];
                        }
                y[(oy * w->out_width + ox) * cout + o] = (float)sum;
            }
}
