// The scoring kernels for AVX-512 in 8-bit integers, where bfloat16 is at hand for what lies between.
#if defined(__x86_64__)
#include "instructions.h"

#define SG_LANES 16
#define SG_TILE 12
#define SG_FUSED 1
#define SG_KIND 2
#define SG_INFER sg_infer_vnni_bf16
#define SG_NAME "avx512-vnni"
#define SG_WIDE 1
#define SG_HAS_BF16 1
#include <string.h>

#include "infer_table.h"

#pragma clang attribute push(__attribute__((target(SG_TARGET("avx512f,avx512dq,avx512bw,avx512vl,fma,avx512vnni,avx512bf16")))), apply_to = function)
#include "infer.inc.h"
#pragma clang attribute pop
#endif
