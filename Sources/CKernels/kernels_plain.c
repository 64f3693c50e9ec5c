// The kernels in plain C: baseline x86-64 (SSE2), arm64 and whatever else.
#define SG_LANES 4
#define SG_ROWS 4
#define SG_FUSED 0
#define SG_TABLE sg_kernels_plain
#include "kernel_table.h"

#include <string.h>

#include "gemm.inc.h"
#include "rows.inc.h"
#include "elements.inc.h"
#include "images.inc.h"
#include "table.inc.h"
