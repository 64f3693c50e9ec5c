// The choice of scoring kernels, their entries, and what needs no instruction set: patches.
#include <string.h>

#include "infer_table.h"
#include "instructions.h"

const sg_infer *sg_infer_find(int level, int kind) {
#if defined(__x86_64__)
    const int best = sg_level_best();
    if (level > best) return NULL;
    if (kind == SG_KIND_F32)
        return level >= SG_AVX512 ? &sg_infer_avx512 : level == SG_AVX2 ? &sg_infer_avx2 : &sg_infer_plain;
    if (level < SG_AVX512) return NULL;
    __builtin_cpu_init();
    const int bf16 = SG_PROCESSOR_HAS("avx512bf16") && !(sg_hidden() & SG_HIDE_BF16);
    if (kind == SG_KIND_BF16) return bf16 ? &sg_infer_bf16 : NULL;
    if (kind != SG_KIND_U8 || !SG_PROCESSOR_HAS("avx512vnni") || sg_hidden() & SG_HIDE_VNNI) return NULL;
    return bf16 ? &sg_infer_vnni_bf16 : &sg_infer_vnni;
#else
    return level == SG_PLAIN && kind == SG_KIND_F32 ? &sg_infer_plain : NULL;
#endif
}

const char *sg_infer_name(const sg_infer *kernels) { return kernels->name; }
int sg_infer_kind(const sg_infer *kernels) { return kernels->kind; }
ptrdiff_t sg_infer_group(const sg_infer *kernels) { return kernels->group; }

size_t sg_infer_packed_bytes(const sg_infer *kernels, ptrdiff_t depth, ptrdiff_t columns) {
    return (size_t)(depth / kernels->group * columns) * sizeof(uint32_t);
}

void sg_infer_pack(const sg_infer *kernels, const float *w, ptrdiff_t depth, ptrdiff_t columns, void *panels,
                   float *scale, float *offset) {
    kernels->pack(w, depth, columns, panels, scale, offset);
}

size_t sg_infer_attention_scratch(ptrdiff_t tokens, ptrdiff_t head_channels) {
    // For the widest vectors and tallest tiles; each part a multiple of a cache line for every table.
    const ptrdiff_t width = (tokens + 31) / 32 * 32, padded = (head_channels + 15) / 16 * 16;
    return sizeof(float) * (size_t)(width * head_channels + (tokens + 1) * padded + 2 * 12 * width);
}

size_t sg_infer_convolution_scratch(ptrdiff_t images, ptrdiff_t outputs, ptrdiff_t side, ptrdiff_t channels) {
    // Sums for the widest vectors, places, and of one image alone pixels of the widest kind.
    const size_t sums = 4 * 32 * (size_t)(images * outputs), taps = (size_t)(outputs * side * side);
    if (images > 1) return sums + sizeof(int32_t) * (size_t)(images * outputs);
    return sums + (4 * taps + 64) + 4 * taps * (size_t)channels + 64;
}

ptrdiff_t sg_infer_winograd_squares(ptrdiff_t squares, ptrdiff_t channels) {
    // Their transformed windows stay in the second cache, but for deep maps' if few squares would share a stream of weights.
    enum { WINDOWS_BYTES = 96 << 10, WINDOW_BYTES = 16 * sizeof(float), LEAST = 16 };
    const ptrdiff_t fitting = WINDOWS_BYTES / (WINDOW_BYTES * channels), most = fitting < LEAST ? LEAST : fitting;
    return most < squares ? most : squares;
}

size_t sg_infer_winograd_scratch(ptrdiff_t images, ptrdiff_t out_height, ptrdiff_t out_width, ptrdiff_t channels) {
    // Windows, and for the widest vectors products and the outputs of a row; between the windows' places a cache line or two.
    const ptrdiff_t across = (out_width + 1) / 2, all = images * ((out_height + 1) / 2) * across;
    const ptrdiff_t squares = sg_infer_winograd_squares(all, channels);
    return sizeof(float) * (size_t)(16 * (squares * channels + 32) + 16 * 32 * squares + 4 * 32 * across);
}

size_t sg_infer_plane(ptrdiff_t height, ptrdiff_t width) {
    // A pixel before the first line, a line above and below, and what the widest vector writes behind the last place or reads
    // below it.
    return (size_t)((SG_INFER_PAD + (height + 2) * (width + 1) + SG_INFER_PAD + 1 + 15) / 16 * 16);
}

ptrdiff_t sg_infer_plane_first(ptrdiff_t width) { return SG_INFER_PAD + width + 1; }

void sg_infer_planes(const sg_infer *kernels, const sg_planes *how) { kernels->planes(how); }
void sg_infer_pack_planes(const sg_infer *kernels, const float *w, ptrdiff_t inputs, ptrdiff_t outputs, float *packed) {
    kernels->pack_planes(w, inputs, outputs, packed);
}
void sg_infer_halve_planes(const sg_infer *kernels, const float *x, ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width,
                           float *y) {
    kernels->halve_planes(x, channels, height, width, y);
}
void sg_infer_sum_up_planes(const sg_infer *kernels, const float *x, ptrdiff_t channels, ptrdiff_t height,
                            ptrdiff_t width, float *means, float *peaks) {
    kernels->sum_up_planes(x, channels, height, width, means, peaks);
}
void sg_infer_linear(const sg_infer *kernels, const sg_linear *how) { kernels->linear(how); }
void sg_infer_attention(const sg_infer *kernels, const sg_attention *how) { kernels->attention(how); }
void sg_infer_norm(const sg_infer *kernels, const sg_norm *how) { kernels->norm(how); }
void sg_infer_convert(const sg_infer *kernels, const sg_convert *how) { kernels->convert(how); }
void sg_infer_pool(const sg_infer *kernels, const sg_pool *how) { kernels->pool(how); }
void sg_infer_mean(const sg_infer *kernels, const sg_mean *how) { kernels->mean(how); }
void sg_infer_convolution(const sg_infer *kernels, const sg_convolution *how) { kernels->convolution(how); }
void sg_infer_winograd(const sg_infer *kernels, const sg_convolution *how) { kernels->winograd(how); }
void sg_infer_to_bytes(const sg_infer *kernels, const void *x, int x_kind, ptrdiff_t rows, ptrdiff_t columns,
                       ptrdiff_t row, void *bytes, float *scale) {
    kernels->to_bytes(x, x_kind, rows, columns, row, bytes, scale);
}
double sg_infer_peak(const sg_infer *kernels, ptrdiff_t rounds) { return kernels->peak(rounds); }

// MARK: Patches

// Calls for each run of `patch` pixels: `run` counts within the patch at `patches`; (top + y, left) is where it lies.
#define SG_EACH_RUN(how, patches)                                                                            \
    for (ptrdiff_t top = 0; top < (how)->height; top += (how)->patch)                                        \
        for (ptrdiff_t left = 0; left < (how)->width; left += (how)->patch, patches += (how)->patch_row)     \
            for (ptrdiff_t c = 0, run = 0; c < (how)->channels; c++)                                         \
                for (ptrdiff_t y = 0; y < (how)->patch; y++, run += (how)->patch)

void sg_infer_cut(const sg_patches *how, const float *image, float *patches) {
    SG_EACH_RUN(how, patches) {
        const float *from = image + (c * how->height + top + y) * how->width + left;
        for (ptrdiff_t x = 0; x < how->patch; x++) patches[run + x] = from[x];
    }
}

void sg_infer_join(const sg_patches *how, const float *patches, float *image, ptrdiff_t line, ptrdiff_t pixel,
                   ptrdiff_t channel) {
    SG_EACH_RUN(how, patches) {
        float *to = image + (top + y) * line + left * pixel + c * channel;
        for (ptrdiff_t x = 0; x < how->patch; x++) to[x * pixel] = patches[run + x];
    }
}

double sg_infer_distance(const sg_patches *how, const float *x, const float *y) {
    const ptrdiff_t patches = how->height / how->patch * (how->width / how->patch);
    const ptrdiff_t count = how->channels * how->patch * how->patch;
    // Four sums, since one alone would wait for each addition.
    double sums[4] = {0};
    for (ptrdiff_t patch = 0; patch < patches; patch++, x += how->patch_row, y += how->patch_row)
        for (ptrdiff_t i = 0; i < count; i++) sums[i % 4] += (double)(x[i] - y[i]) * (double)(x[i] - y[i]);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}
