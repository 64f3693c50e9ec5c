// The kernels for AVX2 with FMA.
#if defined(__x86_64__)
#define SG_LANES 8
#define SG_ROWS 6
#define SG_FUSED 1
#define SG_TABLE sg_kernels_avx2
#include "kernel_table.h"

#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#include "gemm.inc.h"
#include "rows.inc.h"
#include "elements.inc.h"
#include "images.inc.h"
#include "table.inc.h"

#pragma clang attribute pop
#endif
