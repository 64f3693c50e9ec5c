// The choice of kernels, and each kernel's entry.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_table.h"
#include "instructions.h"

static _Thread_local int lowered = -1;
static _Thread_local int hidden = 0;

// MARK: What the environment allows

// By the name that reports give them: the best level, and what is hidden at that level.
static const struct {
    const char *name;
    int level, hidden;
} limits[] = {
    {"plain", SG_PLAIN, SG_HIDE_BF16 | SG_HIDE_VNNI},
    {"avx2", SG_AVX2, SG_HIDE_BF16 | SG_HIDE_VNNI},
    {"avx512", SG_AVX512, SG_HIDE_BF16 | SG_HIDE_VNNI},
    {"avx512-bf16", SG_AVX512, SG_HIDE_VNNI},
    {"avx512-vnni", SG_AVX512, SG_HIDE_BF16},
};
enum { LIMITS = sizeof limits / sizeof limits[0], NO_LIMIT = -1, BAD_LIMIT = -2, NOT_READ = -3 };
static _Atomic(int) limit = NOT_READ;

// The limit's place; the environment is read once, since a later change could split a run between two.
static int find_limit(void) {
    int found = atomic_load_explicit(&limit, memory_order_relaxed);
    if (found != NOT_READ) return found;
    const char *text = getenv(SG_INSTRUCTIONS_VARIABLE);
    found = text && *text ? BAD_LIMIT : NO_LIMIT;
    for (int i = 0; found == BAD_LIMIT && i < LIMITS; i++)
        if (strcmp(text, limits[i].name) == 0) found = i;
    atomic_store_explicit(&limit, found, memory_order_relaxed);
    return found;
}

int sg_instructions_unknown(void) { return find_limit() == BAD_LIMIT; }

int sg_hidden(void) {
    const int place = find_limit();
    return hidden | (place >= 0 ? limits[place].hidden : 0);
}

void sg_hide(int features) { hidden = features; }

// MARK: What the processor has

static int processor_level(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return SG_PLAIN;
    if (SG_PROCESSOR_HAS("avx512f") && SG_PROCESSOR_HAS("avx512dq") &&
        SG_PROCESSOR_HAS("avx512bw") && SG_PROCESSOR_HAS("avx512vl"))
        return SG_AVX512;
    return SG_AVX2;
#else
    return SG_PLAIN;
#endif
}

int sg_level_best(void) {
    static _Atomic(int) best = -1;
    int level = atomic_load_explicit(&best, memory_order_relaxed);
    if (level >= 0) return level;
    const int place = find_limit();
    level = processor_level();
    if (place >= 0 && limits[place].level < level) level = limits[place].level;
    atomic_store_explicit(&best, level, memory_order_relaxed);
    return level;
}

int sg_level(void) { return lowered >= 0 ? lowered : sg_level_best(); }

int sg_level_set(int level) {
    const int most = sg_level_best();
    lowered = level < SG_PLAIN ? SG_PLAIN : level > most ? most : level;
    return lowered;
}

const char *sg_level_name(int level) { return level == SG_AVX512 ? "avx512" : level == SG_AVX2 ? "avx2" : "plain"; }

static const sg_kernels *kernels(void) {
#if defined(__x86_64__)
    switch (sg_level()) {
        case SG_AVX512: return &sg_kernels_avx512;
        case SG_AVX2: return &sg_kernels_avx2;
        default: break;
    }
#endif
    return &sg_kernels_plain;
}

size_t sg_gemm_scratch(ptrdiff_t columns) {
    const size_t padded = (size_t)((columns + SG_TILE_COLUMNS - 1) / SG_TILE_COLUMNS) * SG_TILE_COLUMNS;
    return padded * 256;
}

void sg_gemm_block(const sg_gemm *product, sg_block block, float *scratch) {
    kernels()->gemm_block(product, block, scratch);
}
void sg_softmax(const float *x, float *y, ptrdiff_t rows, ptrdiff_t columns, float scale) {
    kernels()->softmax(x, y, rows, columns, scale);
}
void sg_softmax_backward(const float *p, const float *dp, float *dx, ptrdiff_t rows, ptrdiff_t columns, float scale) {
    kernels()->softmax_backward(p, dp, dx, rows, columns, scale);
}
void sg_layernorm(const float *x, const float *gamma, const float *beta, float *y, float *mean, float *rstd,
                  ptrdiff_t rows, ptrdiff_t columns, float epsilon) {
    kernels()->layernorm(x, gamma, beta, y, mean, rstd, rows, columns, epsilon);
}
void sg_layernorm_backward(const float *x, const float *gamma, const float *mean, const float *rstd, const float *dy,
                           float *dx, float *dgamma, float *dbeta, ptrdiff_t rows, ptrdiff_t columns,
                           int accumulate) {
    kernels()->layernorm_backward(x, gamma, mean, rstd, dy, dx, dgamma, dbeta, rows, columns, accumulate);
}
void sg_sum_rows(const float *x, ptrdiff_t x_row, float *sum, ptrdiff_t rows, ptrdiff_t columns) {
    kernels()->sum_rows(x, x_row, sum, rows, columns);
}
void sg_scale_shift(const float *x, const float *scale, const float *shift, float *y, ptrdiff_t rows,
                    ptrdiff_t columns, int accumulate) {
    kernels()->scale_shift(x, scale, shift, y, rows, columns, accumulate);
}
void sg_moments(const float *x, const float *shift, float *sum, float *squares, ptrdiff_t rows, ptrdiff_t columns) {
    kernels()->moments(x, shift, sum, squares, rows, columns);
}
void sg_sum_products(const float *x, const float *y, float *products, ptrdiff_t rows, ptrdiff_t columns) {
    kernels()->sum_products(x, y, products, rows, columns);
}
void sg_gelu(const float *x, float *y, ptrdiff_t count) { kernels()->gelu(x, y, count); }
void sg_gelu_backward(const float *x, const float *dy, float *dx, ptrdiff_t count, int accumulate) {
    kernels()->gelu_backward(x, dy, dx, count, accumulate);
}
void sg_relu(const float *x, float *y, ptrdiff_t count) { kernels()->relu(x, y, count); }
void sg_relu_backward(const float *y, const float *dy, float *dx, ptrdiff_t count, int accumulate) {
    kernels()->relu_backward(y, dy, dx, count, accumulate);
}
void sg_add(const float *a, const float *b, float *y, ptrdiff_t count) { kernels()->add(a, b, y, count); }
void sg_scale(const float *x, float a, float *y, ptrdiff_t count, int accumulate) {
    kernels()->scale(x, a, y, count, accumulate);
}
double sg_squared_distance(const float *x, const float *y, ptrdiff_t count) {
    return kernels()->squared_distance(x, y, count);
}
double sg_sum(const float *x, ptrdiff_t count) { return kernels()->sum(x, count); }
void sg_maxpool(const float *image, float *y, uint16_t *place, const sg_window *w) {
    kernels()->maxpool(image, y, place, w);
}
void sg_im2col(const float *image, float *columns, ptrdiff_t columns_row, const sg_window *w, ptrdiff_t first,
               ptrdiff_t end) {
    kernels()->im2col(image, columns, columns_row, w, first, end);
}
void sg_col2im(const float *columns, float *image, const sg_window *w) { kernels()->col2im(columns, image, w); }
void sg_adamw_update(float *w, const float *g, float *m, float *v, ptrdiff_t count, const sg_adamw *how) {
    kernels()->adamw_update(w, g, m, v, count, how);
}
void sg_sgd_update(float *w, const float *g, float *buffer, ptrdiff_t count, const sg_sgd *how) {
    kernels()->sgd_update(w, g, buffer, count, how);
}
