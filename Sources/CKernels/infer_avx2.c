// The scoring kernels for AVX2 with FMA.
#if defined(__x86_64__)
#include <immintrin.h>

#define SG_LANES 8
#define SG_TILE 6
#define SG_FUSED 1
#define SG_KIND 0
#define SG_INFER sg_infer_avx2
#define SG_NAME "avx2"
#include <string.h>

#include "infer_table.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "infer.inc.h"
#pragma clang attribute pop
#endif
