// Vectors of SG_LANES floats and what is done to them.

typedef float vec __attribute__((vector_size(4 * SG_LANES), aligned(4)));
typedef int32_t ints __attribute__((vector_size(4 * SG_LANES), aligned(4)));
typedef uint32_t words __attribute__((vector_size(4 * SG_LANES), aligned(4)));
typedef uint16_t halves __attribute__((vector_size(2 * SG_LANES), aligned(2)));

#define INLINE static inline __attribute__((always_inline))

#if SG_FUSED
#define FMA(x, y, z) __builtin_elementwise_fma(x, y, z)
#else
#define FMA(x, y, z) ((x) * (y) + (z))
#endif

INLINE vec all(float value) { return value - (vec){0}; }
INLINE vec load(const float *x) { return *(const vec *)x; }
INLINE void store(float *x, vec value) { *(vec *)x = value; }

INLINE vec choose(ints mask, vec yes, vec no) { return (vec)((mask & (ints)yes) | (~mask & (ints)no)); }

INLINE vec larger(vec x, vec y) {
#if SG_WIDE
    return (vec)_mm512_max_ps((__m512)x, (__m512)y);
#elif SG_LANES == 8
    return (vec)_mm256_max_ps((__m256)x, (__m256)y);
#else
    return choose(x > y, x, y);
#endif
}

INLINE vec smaller(vec x, vec y) {
#if SG_WIDE
    return (vec)_mm512_min_ps((__m512)x, (__m512)y);
#elif SG_LANES == 8
    return (vec)_mm256_min_ps((__m256)x, (__m256)y);
#else
    return choose(x < y, x, y);
#endif
}

// The same, but that what is no number stays none: a larger or smaller one alone is y where either is none.
INLINE vec largest_of(vec x, vec y) { return choose(x != x, x, larger(x, y)); }
INLINE vec least_of(vec x, vec y) { return choose(x != x, x, smaller(x, y)); }

// The sum, and the largest, over the lanes: halves are folded, always in one order. Neither is a number where a lane is none.
static inline float total(vec x) {
#if SG_WIDE
    return _mm512_reduce_add_ps((__m512)x);
#else
    float lane[SG_LANES];
    memcpy(lane, &x, sizeof lane);
    for (int width = SG_LANES / 2; width > 0; width /= 2)
        for (int l = 0; l < width; l++) lane[l] += lane[l + width];
    return lane[0];
#endif
}

static inline float highest(vec x) {
#if SG_WIDE
    return _mm512_cmp_ps_mask((__m512)x, (__m512)x, _CMP_UNORD_Q) ? __builtin_nanf("") : _mm512_reduce_max_ps((__m512)x);
#else
    float high = x[0];
    for (int l = 1; l < SG_LANES; l++) high = x[l] > high || x[l] != x[l] ? x[l] : high;
    return high;
#endif
}

// Ones in the first `count` lanes.
INLINE ints first(ptrdiff_t count) {
    ints lane;
    for (int l = 0; l < SG_LANES; l++) lane[l] = l;
    return lane < (ints){0} + (int32_t)count;
}

// MARK: bfloat16

// Rounded to nearest even; a number that is none stays none.
INLINE halves narrow(vec x) {
#if SG_HAS_BF16
    return (halves)_mm512_cvtneps_pbh((__m512)x);
#else
    const words bits = (words)x;
    const words rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const words none = (words)(x != x);
    return __builtin_convertvector((none & 0x7fc0) | (~none & rounded), halves);
#endif
}

INLINE vec widen(halves x) { return (vec)(__builtin_convertvector(x, words) << 16); }

INLINE void store_as(int kind, void *x, ptrdiff_t at, vec value) {
    if (kind == SG_KIND_BF16)
        *(halves *)((uint16_t *)x + at) = narrow(value);
    else
        store((float *)x + at, value);
}

INLINE vec load_as(int kind, const void *x, ptrdiff_t at) {
    return kind == SG_KIND_BF16 ? widen(*(const halves *)((const uint16_t *)x + at)) : load((const float *)x + at);
}

// MARK: Functions

// 2^f for f between -1/2 and 1/2 by Chebyshev's polynomial. In bfloat16 tables three powers give 1e-4, well below the
// rounding that follows; elsewhere five give 1e-7.
INLINE vec fraction(vec f) {
#if SG_KIND == 1
    vec p = FMA(f, all(0.0558382829f), all(0.242639479f));
    p = FMA(p, f, all(0.693136734f));
    p = FMA(p, f, all(0.999924557f));
#else
    vec p = FMA(f, all(0.00133908634f), all(0.00967603192f));
    p = FMA(p, f, all(0.0555035711f));
    p = FMA(p, f, all(0.240221075f));
    p = FMA(p, f, all(0.693147188f));
    p = FMA(p, f, all(1.00000008f));
#endif
    return p;
}

// 2^x for x <= 0, from 2^-126 on.
INLINE vec power(vec x) {
    // In this order what is no number stays none.
    x = larger(all(-126.0f), x);
    const vec shifted = x + 12582912.0f, n = shifted - 12582912.0f, p = fraction(x - n);
    // The low bits of `shifted` are n in two's complement.
    return (vec)((ints)p + ((ints)shifted << 23));
}

#if SG_WIDE
#include "infer_gelu.inc.h"

INLINE vec look(const float *table, vec index) {
    return (vec)_mm512_permutex2var_ps(_mm512_loadu_ps(table), (__m512i)index, _mm512_loadu_ps(table + 16));
}

// |x|, held to a bound: the one nearer to 0, its sign cleared.
INLINE vec held_size(vec x, vec bound) { return (vec)_mm512_range_ps((__m512)x, (__m512)bound, 10); }
#elif SG_LANES == 8
#include "infer_gelu_avx2.inc.h"

INLINE vec look(const float *table, vec index) {
    return (vec)_mm256_permutevar8x32_ps(_mm256_loadu_ps(table), (__m256i)index);
}

INLINE vec held_size(vec x, vec bound) { return smaller((vec)((ints)x & 0x7fffffff), bound); }
#endif

#if SG_WIDE && SG_KIND != 0
INLINE vec gelu(vec x) {
    // The one nearer to 0 of |x| and the bound, with x's sign.
    const vec held = (vec)_mm512_range_ps((__m512)x, (__m512)all(3.874f), 2);
    const vec shifted = FMA(held, all(4.0f), all(12582912.0f));
    vec p = FMA(look(gelu_coarse[2], shifted), held, look(gelu_coarse[1], shifted));
    p = FMA(p, held, look(gelu_coarse[0], shifted));
    return p * x;
}
#elif SG_LANES >= 8
INLINE vec gelu(vec x) {
    // Beyond the bound the tail is nothing beside x.
    const vec size = held_size(x, all(5.59375f));
    const vec shifted = FMA(size, all(GELU_PITCH), all(12582912.0f));
    const vec t = FMA(size, all(GELU_PITCH), -(shifted - 12582912.0f));
    vec p = look(gelu_fine[GELU_DEGREE], shifted);
#pragma clang loop unroll(full)
    for (int power = GELU_DEGREE - 1; power >= 0; power--) p = FMA(p, t, look(gelu_fine[power], shifted));
    // In this order what is no number stays none.
    return FMA(-size, p, larger((vec){0}, x));
}
#else
// Phi(-|x|) in the form of Abramowitz and Stegun 7.1.26 with one power more, its error times |x| below 1e-8.
INLINE vec gelu(vec x) {
    // Beyond the bound the tail is nothing beside x, and infinity times nothing would be no number.
    const vec size = smaller((vec)((ints)x & 0x7fffffff), all(16.0f));
    const vec t = 1.0f / FMA(size, all(0.28f), all(1.0f));
    vec p = FMA(t, all(-0.107146016f), all(0.395360451f));
    p = FMA(p, t, all(-0.245937792f));
    p = FMA(p, t, all(0.27615383f));
    p = FMA(p, t, all(0.0645832218f));
    p = FMA(p, t, all(0.116986275f));
    const vec tail = p * t * power(size * size * -0.72134752f);
    // In this order what is no number stays none.
    return FMA(-size, tail, larger((vec){0}, x));
}
#endif
