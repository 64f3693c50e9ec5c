// Kernels for scoring with weights that never change: packed once, fused, in Float32, bfloat16 or 8-bit integers.
//
// A row of an activation has a stride of its own and is padded with zeros to a multiple of SG_INFER_PAD values, so
// that no kernel has an edge among columns. Each output's sum is taken in order of depth whatever rows are beside
// it: a row's result is bitwise the same in every batch.
#pragma once

#include <stddef.h>
#include <stdint.h>

// What the values of an activation are; also a table's precision, which is that of the left side of its products.
// SG_KIND_U8: value = scale * byte + zero, scale and zero by row.
enum { SG_KIND_F32 = 0, SG_KIND_BF16 = 1, SG_KIND_U8 = 2 };
enum { SG_ACTIVATION_NONE = 0, SG_ACTIVATION_GELU = 1, SG_ACTIVATION_RELU = 2,
       // ReLU of the sum with the addend, where the others come before it.
       SG_ACTIVATION_ADD_RELU = 3 };
// Columns of every activation come in multiples of this.
enum { SG_INFER_PAD = 16 };

// The kernels of one instruction set and precision.
typedef struct sg_infer sg_infer;
// Those for a level of CKernels.h (SG_PLAIN …) and a kind, or null where level or processor lack them.
const sg_infer *sg_infer_find(int level, int kind);
// The instructions in use, for reports: "plain", "avx2", "avx512", "avx512-bf16" or "avx512-vnni".
const char *sg_infer_name(const sg_infer *kernels);
// Its precision: SG_KIND_F32 …
int sg_infer_kind(const sg_infer *kernels);
// Values of depth that one step of a product takes: 1, 2 or 4. Depths are multiples of it.
ptrdiff_t sg_infer_group(const sg_infer *kernels);

// MARK: Weights

typedef struct {
    // (columns / panel, depth / group, panel, group), the last panel maybe half as wide.
    const void *panels;
    // By column, padded; scale and offset for SG_KIND_U8 alone: offset is scale times the column's sum.
    const float *bias, *scale, *offset;
    ptrdiff_t depth, columns;
} sg_packed;

size_t sg_infer_packed_bytes(const sg_infer *kernels, ptrdiff_t depth, ptrdiff_t columns);
// panels = w (depth, columns) row-major, rounded to the kind; columns is the padded number. scale and offset are
// written for SG_KIND_U8, where a weight is scale[column] * an integer from -127 to 127.
void sg_infer_pack(const sg_infer *kernels, const float *w, ptrdiff_t depth, ptrdiff_t columns, void *panels,
                   float *scale, float *offset);

// MARK: Products

// c = activation(a * w + bias) [+ addend], for `lines` runs of `rows` rows each.
// A row of a is `segments` runs of `segment` values, `segment_stride` apart: one for a linear layer, and for a
// convolution over channels-last images one for each line of its window. Strides count values.
typedef struct {
    const sg_packed *w;
    const void *a;
    ptrdiff_t a_row, a_line;
    ptrdiff_t segments, segment, segment_stride;
    ptrdiff_t lines, rows;
    // SG_KIND_U8: by row, counted through the lines; scale_row is 1, or 0 where all rows share the first's.
    const float *a_scale, *a_zero;
    ptrdiff_t scale_row;
    const float *addend;
    ptrdiff_t addend_row;
    void *c;
    ptrdiff_t c_row, c_line;
    // SG_KIND_F32 or SG_KIND_BF16.
    int c_kind;
    int activation;
} sg_linear;
void sg_infer_linear(const sg_infer *kernels, const sg_linear *how);

// y = activation(convolution of x + bias [+ addend]) over maps (height, width, channels) without borders. The weights'
// depth is (side, side, channels); a place of the window outside the map costs nothing.
typedef struct {
    const sg_packed *w;
    // The maps of so many images, side by side in every pixel: (height, width, images, channels), y likewise. More than one
    // only where out_height or out_width < SG_LARGE_SIDE; each becomes bitwise what it becomes alone.
    ptrdiff_t images;
    // The table's kind. SG_KIND_U8: value = x_scale[image] * byte.
    const void *x;
    const float *x_scale;
    // The channels are the values of a pixel, a multiple of the group.
    ptrdiff_t height, width, channels;
    // side <= SG_WINDOW_MAX, 2 * padding < side.
    ptrdiff_t side, stride, padding, out_height, out_width;
    // addend and y (out_height, out_width, w->columns) in y_kind, F32 or BF16; they may be the same.
    const void *addend;
    void *y;
    int y_kind, activation;
    void *scratch;
} sg_convolution;
enum { SG_WINDOW_MAX = 15, SG_IMAGES_MAX = 16, SG_LARGE_SIDE = 12 };
// The bytes of scratch, aligned to 64, for so many outputs of each image.
size_t sg_infer_convolution_scratch(ptrdiff_t images, ptrdiff_t outputs, ptrdiff_t side, ptrdiff_t channels);
void sg_infer_convolution(const sg_infer *kernels, const sg_convolution *how);

// The same by fewer products, for Float32 tables alone, with side 3, stride 1 and padding 1: the weights' depth is (16, channels),
// the places of each 3x3 window's transformed one, G g G^T by rows. The channels are a multiple of SG_INFER_PAD; images pass maps of
// any size together.
void sg_infer_winograd(const sg_infer *kernels, const sg_convolution *how);
// The bytes of its scratch, aligned to 64.
size_t sg_infer_winograd_scratch(ptrdiff_t images, ptrdiff_t out_height, ptrdiff_t out_width, ptrdiff_t channels);

// y = ReLU(convolution of x + bias) with windows of 3x3 and a border of one pixel of zeros, over planes: channels first, each
// with its border in place, as sg_infer_plane says. Float32, and for Float32 tables alone; best for few channels.
typedef struct {
    const float *x;
    // As sg_infer_pack_planes packs them.
    const float *w;
    const float *bias;
    float *y;
    ptrdiff_t inputs, outputs, height, width;
} sg_planes;
void sg_infer_planes(const sg_infer *kernels, const sg_planes *how);
// The floats of one plane; a line's pixels are width + 1 apart from the next one's, the first at sg_infer_plane_first. The
// border is zero: results' is made so.
size_t sg_infer_plane(ptrdiff_t height, ptrdiff_t width);
ptrdiff_t sg_infer_plane_first(ptrdiff_t width);
// packed = w (outputs, inputs, 3, 3), as many floats.
void sg_infer_pack_planes(const sg_infer *kernels, const float *w, ptrdiff_t inputs, ptrdiff_t outputs, float *packed);
// y = the means of squares of 2x2 pixels; an odd last line or column takes no part.
void sg_infer_halve_planes(const sg_infer *kernels, const float *x, ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width,
                           float *y);
// The mean and the largest value of each plane, of which none is negative.
void sg_infer_sum_up_planes(const sg_infer *kernels, const float *x, ptrdiff_t channels, ptrdiff_t height,
                            ptrdiff_t width, float *means, float *peaks);

// bytes = x / scale for a whole map of values that are not negative, so that 0 stays 0: `rows` runs of `columns` values, in
// x and bytes `row` values apart. The scale is no number where a value is none. For SG_KIND_U8 alone; columns is a multiple of
// SG_INFER_PAD.
void sg_infer_to_bytes(const sg_infer *kernels, const void *x, int x_kind, ptrdiff_t rows, ptrdiff_t columns,
                       ptrdiff_t row, void *bytes, float *scale);

// out = softmax(scale * q k^T) v for each of the heads. Rows of qkv hold the queries of all heads, then the keys,
// then the values, `channels` each; rows of out the heads side by side. qkv has the table's kind, F32 or BF16.
// channels / heads is a multiple of the group.
typedef struct {
    const void *qkv;
    ptrdiff_t qkv_row, tokens, channels, heads;
    void *out;
    ptrdiff_t out_row;
    float scale;
    void *scratch;
} sg_attention;
size_t sg_infer_attention_scratch(ptrdiff_t tokens, ptrdiff_t head_channels);
void sg_infer_attention(const sg_infer *kernels, const sg_attention *how);

// MARK: Rows

// out = LayerNorm(x) * gamma + beta [+ addend] in the table's kind; gamma, beta padded with zeros. `line` is room for
// one padded row of floats. scale and zero (rows) are written for SG_KIND_U8.
typedef struct {
    const float *x;
    ptrdiff_t x_row, rows, columns;
    const float *gamma, *beta;
    float epsilon;
    const float *addend;
    ptrdiff_t addend_row;
    void *out;
    ptrdiff_t out_row;
    float *scale, *zero;
    float *line;
} sg_norm;
void sg_infer_norm(const sg_infer *kernels, const sg_norm *how);

// out = x in the table's kind, scale and zero by row for SG_KIND_U8, no numbers where a value of the row is none. x is F32 or
// BF16; columns are padded.
typedef struct {
    const void *x;
    int x_kind;
    ptrdiff_t x_row, rows, columns;
    void *out;
    ptrdiff_t out_row;
    float *scale, *zero;
} sg_convert;
void sg_infer_convert(const sg_infer *kernels, const sg_convert *how);

// The largest value of each window and channel, in the table's kind (F32 or BF16); padded channels. Places outside the
// map take no part; 2 * padding <= side. No number where one of the window is none.
typedef struct {
    const void *x;
    void *y;
    ptrdiff_t height, width, channels, side, stride, padding, out_height, out_width;
} sg_pool;
void sg_infer_pool(const sg_infer *kernels, const sg_pool *how);

// out (columns) = the mean of the rows, in the table's kind (F32 or BF16).
typedef struct {
    const void *x;
    int x_kind;
    ptrdiff_t x_row, rows, columns;
    void *out;
} sg_mean;
void sg_infer_mean(const sg_infer *kernels, const sg_mean *how);

// MARK: Images

// Where an image's patches lie: rows of patch_row floats for each patch, channel by channel, line by line.
typedef struct {
    ptrdiff_t channels, height, width, patch, patch_row;
} sg_patches;
// patches = the image (C, H, W) cut up.
void sg_infer_cut(const sg_patches *how, const float *image, float *patches);
// image = the patches put together; pixels (y, x) of channel c go to image[y * line + x * pixel + c * channel].
void sg_infer_join(const sg_patches *how, const float *patches, float *image, ptrdiff_t line, ptrdiff_t pixel,
                   ptrdiff_t channel);
// The sum of (x - y)^2 over the patches' pixels, in double.
double sg_infer_distance(const sg_patches *how, const float *x, const float *y);

// MARK: What the processor can do

// Runs `rounds` rounds of products that never leave the registers and returns the number of multiplications and
// additions done: the peak to compare with.
double sg_infer_peak(const sg_infer *kernels, ptrdiff_t rounds);
