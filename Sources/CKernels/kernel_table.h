// One entry per kernel that is compiled once per instruction set.
#pragma once

#include "CKernels.h"

typedef struct {
    void (*gemm_block)(const sg_gemm *, sg_block, float *);
    void (*softmax)(const float *, float *, ptrdiff_t, ptrdiff_t, float);
    void (*softmax_backward)(const float *, const float *, float *, ptrdiff_t, ptrdiff_t, float);
    void (*layernorm)(const float *, const float *, const float *, float *, float *, float *, ptrdiff_t, ptrdiff_t,
                      float);
    void (*layernorm_backward)(const float *, const float *, const float *, const float *, const float *, float *,
                               float *, float *, ptrdiff_t, ptrdiff_t, int);
    void (*sum_rows)(const float *, ptrdiff_t, float *, ptrdiff_t, ptrdiff_t);
    void (*scale_shift)(const float *, const float *, const float *, float *, ptrdiff_t, ptrdiff_t, int);
    void (*moments)(const float *, const float *, float *, float *, ptrdiff_t, ptrdiff_t);
    void (*sum_products)(const float *, const float *, float *, ptrdiff_t, ptrdiff_t);
    void (*gelu)(const float *, float *, ptrdiff_t);
    void (*gelu_backward)(const float *, const float *, float *, ptrdiff_t, int);
    void (*relu)(const float *, float *, ptrdiff_t);
    void (*relu_backward)(const float *, const float *, float *, ptrdiff_t, int);
    void (*add)(const float *, const float *, float *, ptrdiff_t);
    void (*scale)(const float *, float, float *, ptrdiff_t, int);
    double (*squared_distance)(const float *, const float *, ptrdiff_t);
    double (*sum)(const float *, ptrdiff_t);
    void (*maxpool)(const float *, float *, uint16_t *, const sg_window *);
    void (*im2col)(const float *, float *, ptrdiff_t, const sg_window *, ptrdiff_t, ptrdiff_t);
    void (*col2im)(const float *, float *, const sg_window *);
    void (*adamw_update)(float *, const float *, float *, float *, ptrdiff_t, const sg_adamw *);
    void (*sgd_update)(float *, const float *, float *, ptrdiff_t, const sg_sgd *);
} sg_kernels;

extern const sg_kernels sg_kernels_plain;
#if defined(__x86_64__)
extern const sg_kernels sg_kernels_avx2;
extern const sg_kernels sg_kernels_avx512;
#endif
