// The scoring kernels in plain C: baseline x86-64 (SSE2), arm64 and whatever else.
#define SG_LANES 4
#define SG_TILE 4
#define SG_FUSED 0
#define SG_KIND 0
#define SG_INFER sg_infer_plain
#define SG_NAME "plain"
#include <string.h>

#include "infer_table.h"

#include "infer.inc.h"
