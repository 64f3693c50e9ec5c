// The scoring kernels of one instruction set and precision. The including file defines
// SG_LANES words in a vector, SG_TILE rows in a tile, SG_FUSED whether multiply-add is one instruction, SG_KIND,
// SG_INFER and SG_NAME of the table; SG_WIDE for AVX-512, SG_HAS_BF16 where that converts to bfloat16.
#include "infer_vectors.inc.h"
#include "infer_products.inc.h"
#include "infer_convolution.inc.h"
#include "infer_rows.inc.h"
#if SG_KIND != 2
#include "infer_attention.inc.h"
#endif
#if SG_KIND == 0
#include "infer_planes.inc.h"
#include "infer_winograd.inc.h"
#endif
#include "infer_peak.inc.h"

const sg_infer SG_INFER = {
    .name = SG_NAME,
    .kind = SG_KIND,
    .lanes = SG_LANES,
    .group = GROUP,
    .pack = pack,
    .linear = linear,
    .convolution = convolution,
#if SG_KIND != 2
    .attention = attention,
    .pool = pool,
    .mean = mean,
#else
    .to_bytes = to_bytes,
#endif
#if SG_KIND == 0
    .winograd = winograd,
    .planes = planes,
    .pack_planes = pack_planes,
    .halve_planes = halve_planes,
    .sum_up_planes = sum_up_planes,
#endif
    .norm = norm,
    .convert = convert,
    .peak = peak,
};
