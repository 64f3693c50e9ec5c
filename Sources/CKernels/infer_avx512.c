// The scoring kernels for AVX-512 in Float32.
#if defined(__x86_64__)
#include "instructions.h"

#define SG_LANES 16
#define SG_TILE 12
#define SG_FUSED 1
#define SG_KIND 0
#define SG_INFER sg_infer_avx512
#define SG_NAME "avx512"
#define SG_WIDE 1
#include <string.h>

#include "infer_table.h"

#pragma clang attribute push(__attribute__((target(SG_TARGET("avx512f,avx512dq,avx512bw,avx512vl,fma")))), apply_to = function)
#include "infer.inc.h"
#pragma clang attribute pop
#endif
