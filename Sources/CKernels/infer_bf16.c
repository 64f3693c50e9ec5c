// The scoring kernels for AVX-512 in bfloat16.
#if defined(__x86_64__)
#include "instructions.h"

#define SG_LANES 16
#define SG_TILE 12
#define SG_FUSED 1
#define SG_KIND 1
#define SG_INFER sg_infer_bf16
#define SG_NAME "avx512-bf16"
#define SG_WIDE 1
#define SG_HAS_BF16 1
#include <string.h>

#include "infer_table.h"

#pragma clang attribute push(__attribute__((target(SG_TARGET("avx512f,avx512dq,avx512bw,avx512vl,fma,avx512bf16")))), apply_to = function)
#include "infer.inc.h"
#pragma clang attribute pop
#endif
