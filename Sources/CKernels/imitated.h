// The AVX-512 instructions that the kernels ask for by name, lane by lane: with SG_IMITATED the tables for processors that
// have them are compiled on any with AVX2, slowly, so that their tests run there too (Scripts/test-imitated). Never served with.
//
// Each function does what the instruction set's reference says of its instruction, as far as the kernels go.
#ifndef SG_IMITATED_H
#define SG_IMITATED_H
#include <stdint.h>
#include <string.h>

// Vectors of 64 bytes travel in pairs of registers here; nothing outside these files passes any.
#pragma clang diagnostic ignored "-Wpsabi"
#pragma clang diagnostic ignored "-Wreserved-identifier"

typedef float __m512 __attribute__((vector_size(64), aligned(4)));
typedef long long __m512i __attribute__((vector_size(64), aligned(8)));
typedef short __m512bh __attribute__((vector_size(64), aligned(2)));
typedef unsigned short __m256i __attribute__((vector_size(32), aligned(2)));
typedef unsigned short __m256bh __attribute__((vector_size(32), aligned(2)));
typedef unsigned char __m128i __attribute__((vector_size(16), aligned(1)));
typedef unsigned short __mmask16;
typedef int32_t lanes_i32 __attribute__((vector_size(64), aligned(4)));
typedef uint32_t lanes_u32 __attribute__((vector_size(64), aligned(4)));
typedef int16_t lanes_i16 __attribute__((vector_size(64), aligned(2)));
typedef int8_t lanes_i8 __attribute__((vector_size(64), aligned(1)));

#define IMITATED static inline __attribute__((always_inline, unused, target("avx2,fma")))
#define LANES for (int i = 0; i < 16; i++)

// MARK: bfloat16

// Rounded to the nearest, ties to even.
IMITATED uint16_t narrowed(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value) return 0x7fc0;
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

IMITATED float widened(int16_t half) {
    const uint32_t bits = (uint32_t)(uint16_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

IMITATED __m256bh _mm512_cvtneps_pbh(__m512 x) {
    __m256bh y;
    LANES y[i] = narrowed(x[i]);
    return y;
}

IMITATED __m512bh _mm512_cvtne2ps_pbh(__m512 high, __m512 low) {
    __m512bh y;
    LANES y[i] = (short)narrowed(low[i]), y[i + 16] = (short)narrowed(high[i]);
    return y;
}

IMITATED __m512 _mm512_dpbf16_ps(__m512 sum, __m512bh a, __m512bh b) {
    LANES {
        sum[i] = __builtin_fmaf(widened(a[2 * i + 1]), widened(b[2 * i + 1]), sum[i]);
        sum[i] = __builtin_fmaf(widened(a[2 * i]), widened(b[2 * i]), sum[i]);
    }
    return sum;
}

// MARK: Float32

IMITATED __m512 _mm512_loadu_ps(const void *from) {
    __m512 x;
    memcpy(&x, from, sizeof x);
    return x;
}

IMITATED void _mm512_mask_storeu_ps(void *to, __mmask16 mask, __m512 x) {
    LANES if (mask >> i & 1) ((float *)to)[i] = x[i];
}

// The second where either is no number.
IMITATED __m512 _mm512_max_ps(__m512 x, __m512 y) {
    LANES x[i] = x[i] > y[i] ? x[i] : y[i];
    return x;
}

// The lanes where either is no number, which is all that is asked for.
#define _CMP_UNORD_Q 3
IMITATED __mmask16 _mm512_cmp_ps_mask(__m512 x, __m512 y, int how) {
    unsigned mask = 0;
    LANES mask |= (unsigned)(how == _CMP_UNORD_Q && (x[i] != x[i] || y[i] != y[i])) << i;
    return (__mmask16)mask;
}

IMITATED __m512 _mm512_min_ps(__m512 x, __m512 y) {
    LANES x[i] = x[i] < y[i] ? x[i] : y[i];
    return x;
}

// The one nearer to 0, with the first one's sign (2) or none (10).
IMITATED __m512 _mm512_range_ps(__m512 x, __m512 y, int how) {
    LANES {
        const float a = __builtin_fabsf(x[i]), b = __builtin_fabsf(y[i]), least = a <= b || b != b ? a : b;
        x[i] = how == 10 ? least : __builtin_copysignf(least, x[i]);
    }
    return x;
}

IMITATED __m512 _mm512_permutex2var_ps(__m512 a, __m512i index, __m512 b) {
    __m512 y;
    LANES {
        const uint32_t at = ((lanes_u32)index)[i] & 31;
        y[i] = at < 16 ? a[at] : b[at - 16];
    }
    return y;
}

// In halves, as compilers expand it.
IMITATED float _mm512_reduce_add_ps(__m512 x) {
    for (int width = 8; width > 0; width /= 2)
        for (int i = 0; i < width; i++) x[i] += x[i + width];
    return x[0];
}

IMITATED float _mm512_reduce_max_ps(__m512 x) {
    float most = x[0];
    LANES most = x[i] > most ? x[i] : most;
    return most;
}

// MARK: Whole numbers

IMITATED __m512i _mm512_setzero_si512(void) { return (__m512i){0}; }

IMITATED __m512i _mm512_set1_epi32(int value) {
    lanes_i32 y;
    LANES y[i] = value;
    return (__m512i)y;
}

#define _mm512_setr_epi32(...) ((__m512i)(lanes_i32){__VA_ARGS__})
#define _mm512_setr_epi64(...) ((__m512i){__VA_ARGS__})

IMITATED __m512i _mm512_maskz_loadu_epi32(__mmask16 mask, const void *from) {
    lanes_u32 y = {0};
    LANES if (mask >> i & 1) y[i] = ((const uint32_t *)from)[i];
    return (__m512i)y;
}

IMITATED void _mm512_storeu_si512(void *to, __m512i x) { memcpy(to, &x, sizeof x); }

IMITATED void _mm_storeu_si128(void *to, __m128i x) { memcpy(to, &x, sizeof x); }

IMITATED void _mm256_mask_storeu_epi16(void *to, __mmask16 mask, __m256i x) {
    LANES if (mask >> i & 1) ((uint16_t *)to)[i] = x[i];
}

IMITATED __m256i _mm256_maskz_loadu_epi16(__mmask16 mask, const void *from) {
    __m256i y = {0};
    LANES if (mask >> i & 1) y[i] = ((const uint16_t *)from)[i];
    return y;
}

IMITATED __m512i _mm512_max_epi32(__m512i a, __m512i b) {
    lanes_i32 x = (lanes_i32)a, y = (lanes_i32)b;
    LANES x[i] = x[i] > y[i] ? x[i] : y[i];
    return (__m512i)x;
}

IMITATED __m512i _mm512_or_si512(__m512i a, __m512i b) { return a | b; }

IMITATED __m512i _mm512_slli_epi32(__m512i x, unsigned count) { return (__m512i)((lanes_u32)x << count); }

IMITATED __m512i _mm512_permutexvar_epi32(__m512i index, __m512i x) {
    lanes_u32 y;
    LANES y[i] = ((lanes_u32)x)[((lanes_u32)index)[i] & 15];
    return (__m512i)y;
}

IMITATED __m512i _mm512_permutexvar_epi64(__m512i index, __m512i x) {
    __m512i y;
    for (int i = 0; i < 8; i++) y[i] = x[index[i] & 7];
    return y;
}

// Unsigned bytes of a by signed ones of b, four products a lane.
IMITATED __m512i _mm512_dpbusd_epi32(__m512i sum, __m512i a, __m512i b) {
    lanes_i32 y = (lanes_i32)sum;
    LANES for (int k = 0; k < 4; k++) y[i] += (int)(uint8_t)((lanes_i8)a)[4 * i + k] * ((lanes_i8)b)[4 * i + k];
    return (__m512i)y;
}

// MARK: From one kind to another

IMITATED __m512i _mm512_cvtps_epi32(__m512 x) {
    lanes_i32 y;
    LANES y[i] = (int)__builtin_rintf(x[i]);
    return (__m512i)y;
}

IMITATED __m512i _mm512_cvtepu16_epi32(__m256i x) {
    lanes_u32 y;
    LANES y[i] = x[i];
    return (__m512i)y;
}

IMITATED __m128i _mm512_cvtusepi32_epi8(__m512i x) {
    __m128i y;
    LANES y[i] = (unsigned char)(((lanes_u32)x)[i] > 255 ? 255 : ((lanes_u32)x)[i]);
    return y;
}

IMITATED int held(int value, int least, int most) { return value < least ? least : value > most ? most : value; }

// Quarter by quarter: a's numbers, then b's.
IMITATED __m512i _mm512_packs_epi32(__m512i a, __m512i b) {
    lanes_i16 y;
    LANES {
        const int at = i / 4 * 8 + i % 4;
        y[at] = (int16_t)held(((lanes_i32)a)[i], -32768, 32767);
        y[at + 4] = (int16_t)held(((lanes_i32)b)[i], -32768, 32767);
    }
    return (__m512i)y;
}

IMITATED __m512i _mm512_packus_epi16(__m512i a, __m512i b) {
    lanes_i8 y;
    for (int i = 0; i < 32; i++) {
        const int at = i / 8 * 16 + i % 8;
        y[at] = (int8_t)held(((lanes_i16)a)[i], 0, 255);
        y[at + 8] = (int8_t)held(((lanes_i16)b)[i], 0, 255);
    }
    return (__m512i)y;
}
#undef LANES
#undef IMITATED
#endif
