// One entry per scoring kernel, for each instruction set and precision.
#pragma once

#include "CKernels.h"

struct sg_infer {
    const char *name;
    int kind;
    // Vectors are `lanes` words of 32 bits; a panel has 2 * lanes columns; a word holds `group` values of depth.
    ptrdiff_t lanes, group;
    void (*pack)(const float *, ptrdiff_t, ptrdiff_t, void *, float *, float *);
    void (*linear)(const sg_linear *);
    void (*convolution)(const sg_convolution *);
    // Of Float32 tables alone.
    void (*winograd)(const sg_convolution *);
    void (*planes)(const sg_planes *);
    void (*pack_planes)(const float *, ptrdiff_t, ptrdiff_t, float *);
    void (*halve_planes)(const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *);
    void (*sum_up_planes)(const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *, float *);
    void (*attention)(const sg_attention *);
    void (*norm)(const sg_norm *);
    void (*convert)(const sg_convert *);
    void (*pool)(const sg_pool *);
    void (*mean)(const sg_mean *);
    void (*to_bytes)(const void *, int, ptrdiff_t, ptrdiff_t, ptrdiff_t, void *, float *);
    double (*peak)(ptrdiff_t);
};

// Of so many squares of 2x2 outputs how many Winograd's convolutions have at work at a time.
ptrdiff_t sg_infer_winograd_squares(ptrdiff_t squares, ptrdiff_t channels);

extern const sg_infer sg_infer_plain;
#if defined(__x86_64__)
extern const sg_infer sg_infer_avx2;
extern const sg_infer sg_infer_avx512;
extern const sg_infer sg_infer_bf16;
extern const sg_infer sg_infer_vnni;
extern const sg_infer sg_infer_vnni_bf16;
#endif
