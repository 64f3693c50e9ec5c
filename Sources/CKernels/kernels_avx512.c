// The kernels for AVX-512.
#if defined(__x86_64__)
#include "instructions.h"

#define SG_LANES 16
#define SG_ROWS 12
#define SG_FUSED 1
#define SG_TABLE sg_kernels_avx512
#include "kernel_table.h"

#include <string.h>

#pragma clang attribute push(__attribute__((target(SG_TARGET("avx512f,avx512dq,avx512bw,avx512vl,fma")))), apply_to = function)

#include "gemm.inc.h"
#include "rows.inc.h"
#include "elements.inc.h"
#include "images.inc.h"
#include "table.inc.h"

#pragma clang attribute pop
#endif
