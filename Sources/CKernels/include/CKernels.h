// Float32 kernels, chosen at run time by what the processor can do.
//
// All arrays are row-major. Every kernel works on the outputs it is given and nothing else, so callers may split
// work over threads by outputs; a sum is always taken in the same order, whatever the split.
// Names: `sg_naive_…` are the plain oracles the tests hold the fast ones against (double accumulation).
#pragma once

#include <stddef.h>
#include <stdint.h>

// MARK: Choice of kernels

enum { SG_PLAIN = 0, SG_AVX2 = 1, SG_AVX512 = 2 };

// The best level that this processor and system support and the environment allows.
int sg_level_best(void);
// Where an operator says which instructions may be used at most: "plain", "avx2", "avx512", "avx512-bf16" or
// "avx512-vnni"; the whole program then does what it would on a processor without the others.
#define SG_INSTRUCTIONS_VARIABLE "SAMEGATE_INSTRUCTIONS"
// Whether the variable says something else; it then limits nothing.
int sg_instructions_unknown(void);
// Instructions beside the level that sg_infer_find takes for absent: hidden by the environment or on this thread.
enum { SG_HIDE_BF16 = 1, SG_HIDE_VNNI = 2 };
int sg_hidden(void);
// Hides these, and only these, from the calling thread, so that tests can hold what is chosen without them.
void sg_hide(int features);
// The level in use on this thread; the best one unless lowered.
int sg_level(void);
// Lowers the level (or raises it back, never above the best) for the calling thread, so that tests can hold every
// level against the oracles; returns the level now in use.
int sg_level_set(int level);
// "plain", "avx2" or "avx512".
const char *sg_level_name(int level);

// MARK: Matrix product

// c (m, n) = alpha * a (m, k) * b (k, n) [+ c when accumulate] [+ bias (n)].
// a and b are read at base[row * row_stride + column * column_stride]: a transpose is an exchange of strides.
typedef struct {
    const float *a;
    ptrdiff_t a_row, a_column;
    const float *b;
    ptrdiff_t b_row, b_column;
    float *c;
    ptrdiff_t c_row;
    const float *bias;
    ptrdiff_t m, n, k;
    float alpha;
    int accumulate;
} sg_gemm;

// The part of a product a call computes: rows m0..<m1, columns n0..<n1 of c.
typedef struct {
    ptrdiff_t m0, m1, n0, n1;
} sg_block;

// The number of floats of scratch that sg_gemm_block needs for blocks of at most `columns` columns.
size_t sg_gemm_scratch(ptrdiff_t columns);
// A multiple of every kernel's tile height and width: blocks are best cut at multiples.
enum { SG_TILE_ROWS = 12, SG_TILE_COLUMNS = 32 };
void sg_gemm_block(const sg_gemm *product, sg_block block, float *scratch);
void sg_naive_gemm(const sg_gemm *product);

// MARK: Rows

// y (rows, columns) = softmax of each row of scale * x, scale > 0. x and y may be the same.
void sg_softmax(const float *x, float *y, ptrdiff_t rows, ptrdiff_t columns, float scale);
// dx = scale * p * (dp - sum(p * dp)) for each row. dp and dx may be the same.
void sg_softmax_backward(const float *p, const float *dp, float *dx, ptrdiff_t rows, ptrdiff_t columns, float scale);
// y = (x - mean) * rstd * gamma + beta for each row; keeps mean and rstd (rows) where not null.
void sg_layernorm(const float *x, const float *gamma, const float *beta, float *y, float *mean, float *rstd,
                  ptrdiff_t rows, ptrdiff_t columns, float epsilon);
// dx [+]= the gradient by x; dgamma and dbeta (columns) += those by gamma and beta, in order of rows.
void sg_layernorm_backward(const float *x, const float *gamma, const float *mean, const float *rstd, const float *dy,
                           float *dx, float *dgamma, float *dbeta, ptrdiff_t rows, ptrdiff_t columns, int accumulate);
// sum (columns) += the columns' sums over the rows, in an order that the sizes alone decide.
void sg_sum_rows(const float *x, ptrdiff_t x_row, float *sum, ptrdiff_t rows, ptrdiff_t columns);
// y = x * scale + shift [+ y when accumulate], scale and shift (columns).
void sg_scale_shift(const float *x, const float *scale, const float *shift, float *y, ptrdiff_t rows,
                    ptrdiff_t columns, int accumulate);
// sum (columns) += x - shift, squares (columns) += (x - shift)^2, over the rows in order.
void sg_moments(const float *x, const float *shift, float *sum, float *squares, ptrdiff_t rows, ptrdiff_t columns);
// products (columns) += x * y over the rows in order.
void sg_sum_products(const float *x, const float *y, float *products, ptrdiff_t rows, ptrdiff_t columns);

// MARK: Element by element

void sg_gelu(const float *x, float *y, ptrdiff_t count);
void sg_gelu_backward(const float *x, const float *dy, float *dx, ptrdiff_t count, int accumulate);
void sg_relu(const float *x, float *y, ptrdiff_t count);
// dx [+]= dy where y > 0; y is relu's output.
void sg_relu_backward(const float *y, const float *dy, float *dx, ptrdiff_t count, int accumulate);
// y = a + b.
void sg_add(const float *a, const float *b, float *y, ptrdiff_t count);
// y = a * x [+ y when accumulate].
void sg_scale(const float *x, float a, float *y, ptrdiff_t count, int accumulate);
// The sum of (x - y)^2, in sixteen lanes and in double over blocks: the same on every level.
double sg_squared_distance(const float *x, const float *y, ptrdiff_t count);
double sg_sum(const float *x, ptrdiff_t count);

// MARK: Images, channels last: (height, width, channels)

typedef struct {
    ptrdiff_t height, width, channels;
    ptrdiff_t window_height, window_width, stride, padding;
    ptrdiff_t out_height, out_width;
} sg_window;

// For the lines first..<end of the output: columns (lines * out_width, window_height * window_width * channels) with
// columns_row values from row to row; outside the image is 0.
void sg_im2col(const float *image, float *columns, ptrdiff_t columns_row, const sg_window *w, ptrdiff_t first,
               ptrdiff_t end);
// image += each column at the place it came from.
void sg_col2im(const float *columns, float *image, const sg_window *w);
// The largest of each window and channel, and which place of the window held it (the first of equals); no number where one of the
// window is none.
void sg_maxpool(const float *image, float *y, uint16_t *place, const sg_window *w);
// dimage += dy at the place that held the largest.
void sg_maxpool_backward(const float *dy, const uint16_t *place, float *dimage, const sg_window *w);
// The mean of each window, the padding counted as zeros.
void sg_avgpool(const float *image, float *y, const sg_window *w);
void sg_avgpool_backward(const float *dy, float *dimage, const sg_window *w);
// y (columns, rows) = x (rows, columns) transposed [+ y when accumulate].
void sg_transpose(const float *x, float *y, ptrdiff_t rows, ptrdiff_t columns, int accumulate);

// MARK: Optimisers

typedef struct {
    float rate, beta1, beta2, epsilon, decay;
    // 1 - beta^step for the present step.
    float correction1, correction2;
} sg_adamw;
void sg_adamw_update(float *w, const float *g, float *m, float *v, ptrdiff_t count, const sg_adamw *how);

typedef struct {
    float rate, momentum, decay;
    // Whether this is the first step, when the buffer becomes the gradient.
    int first;
} sg_sgd;
void sg_sgd_update(float *w, const float *g, float *buffer, ptrdiff_t count, const sg_sgd *how);

// MARK: Oracles

void sg_naive_softmax(const float *x, float *y, ptrdiff_t rows, ptrdiff_t columns, float scale);
void sg_naive_layernorm(const float *x, const float *gamma, const float *beta, float *y, ptrdiff_t rows,
                        ptrdiff_t columns, float epsilon);
void sg_naive_gelu(const float *x, float *y, ptrdiff_t count);
// d gelu / dx.
void sg_naive_gelu_slope(const float *x, float *y, ptrdiff_t count);
// image (h, w, cin), weight (window_height, window_width, cin, cout), y (out_height, out_width, cout).
void sg_naive_convolution(const float *image, const float *weight, float *y, ptrdiff_t cout, const sg_window *w);

#include "CKernelsInfer.h"

// MARK: Pixel statistics

// The statistics of a plane, in order: mean, deviation, log of the mean step to the right and down, log of the root mean square
// of the 5-point Laplacian, of the diagonal detail; then, of a picture's plane, log of the mean size of the Laplacian, of
// the diagonal detail, log of the energy of steps to the right over that of steps down, the shares of black, of white, of dark and of
// light greys, of flat steps to the right, of flat ones down, of flat ones to the right that lead off black.
enum { SG_PLANE_STATISTICS = 15, SG_CHANNEL_STATISTICS = 5 };
// How many statistics a picture of so many channels has.
size_t sg_statistics_count(ptrdiff_t channels);
// The number of floats of scratch that they need.
size_t sg_statistics_scratch(ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width);
// The statistics of a picture x (channels, height, width), values -1...1: of the mean of its channels; of more than one channel
// besides, of each channel's difference from that the first SG_CHANNEL_STATISTICS, and the correlation of the diagonal details of
// each channel and the next.
void sg_statistics(const float *x, ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, float *scratch, float *out);

// The frame of a picture, of the mean of its channels: the shares of the height and of the width that are empty around what differs
// from the border's middle level, the smaller one first.
enum { SG_FRAME = 2 };
// The number of floats of scratch that it needs.
size_t sg_frame_scratch(ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width);
void sg_frame(const float *x, ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, float *scratch, float *out);
