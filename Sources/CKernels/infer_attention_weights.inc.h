// The weights of attention: powers of scores, and the sums by which they are divided.
//
// Usually the powers are taken of the scores as they are, while those are in registers: what all weights have in common
// leaves with their sum. Only where a score may be large are they taken relative to the row's largest.

// No power of two less than 2^-CALM or more than 2^CALM comes of a calm head's scores.
static const float calm = 60.0f;

// s + the products of two vectors of words' values, word by word.
INLINE vec add_products(vec s, words x, words y) {
#if SG_KIND == 1
    return (vec)_mm512_dpbf16_ps((__m512)s, (__m512bh)x, (__m512bh)y);
#else
    return FMA((vec)x, (vec)y, s);
#endif
}

// x . y over `depth` words, one sum a lane.
INLINE vec dot(const value *x, const value *y, ptrdiff_t depth) {
    const uint32_t *left = (const uint32_t *)(const void *)x, *right = (const uint32_t *)(const void *)y;
    vec s = {0};
    for (ptrdiff_t k = 0; k < depth; k += SG_LANES)
        s = add_products(s, some(left + k, depth - k), some(right + k, depth - k));
    return s;
}

// Not less than the square of any row's length: the sum over the lanes of the largest part there.
static float square_bound(const value *rows, ptrdiff_t row, ptrdiff_t tokens, ptrdiff_t depth) {
    vec most = {0};
    for (ptrdiff_t i = 0; i < tokens; i++, rows += row) most = largest_of(most, dot(rows, rows, depth));
    return total(most);
}

// Whether the head is calm, by the lengths of its queries and keys (Cauchy and Schwarz). Not where one is no number.
static int is_calm(const sg_attention *t, const value *queries, const value *keys) {
    const ptrdiff_t depth = t->channels / t->heads / GROUP;
    const float factor = t->scale * 1.44269504f / calm;
    const float query = square_bound(queries, t->qkv_row, t->tokens, depth);
    const float key = square_bound(keys, t->qkv_row, t->tokens, depth);
    return query * key * (factor * factor) <= 1.0f;
}

// 2^(factor * score) of a calm head's scores.
INLINE vec weight(vec score, vec factor) {
    const vec shifted = FMA(score, factor, all(12582912.0f)), whole = shifted - 12582912.0f;
    // The low bits of `shifted` are the whole part in two's complement.
    return (vec)((ints)fraction(FMA(score, factor, -whole)) + ((ints)shifted << 23));
}

// A weight as it is stored: sums are of what is, so that weights are shares of one.
INLINE vec stored(vec weight) {
#if SG_KIND == 1
    return widen(narrow(weight));
#else
    return weight;
#endif
}

// Two vectors of weights in the table's kind; their sum is that of what is stored.
INLINE vec put_weights(value *to, vec left, vec right, vec sum_of) {
#if SG_KIND == 1
    const __m512bh pair = _mm512_cvtne2ps_pbh((__m512)right, (__m512)left);
    _mm512_storeu_si512((void *)to, (__m512i)pair);
    return (vec)_mm512_dpbf16_ps((__m512)sum_of, pair, (__m512bh)_mm512_set1_epi32(0x3f803f80));
#else
    store(to, left);
    store(to + SG_LANES, right);
    return sum_of + (left + right);
#endif
}

INLINE void weights_of(const int rows, reach r, const uint32_t *a, ptrdiff_t a_row, const words *panel, vec factor,
                       value *weights, ptrdiff_t width, vec *sums) {
    sum left[SG_TILE], right[SG_TILE];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) left[i] = right[i] = (sum){0};
    multiply(rows, 2, 0, r, a, a_row, panel, left, right);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
        sums[i] = put_weights(weights + i * width, weight(left[i], factor), weight(right[i], factor), sums[i]);
}

#undef CASE
#define CASE(R, V) \
    case R: weights_of(R, r, a, a_row, panel, factor, weights, width, sums); break;
// The weights of a tile of a calm head's queries and a whole panel of keys.
static __attribute__((noinline)) void weights_tile(int rows, reach r, const uint32_t *a, ptrdiff_t a_row,
                                                   const words *panel, vec factor, value *weights, ptrdiff_t width,
                                                   vec *sums) {
    switch (rows) { CASES(2) }
}

// Those of the keys that fill no panel.
static void weights_rest(const int vectors, const sum *scores, ptrdiff_t count, int rows, vec factor, value *weights,
                         ptrdiff_t width, vec *sums) {
    for (int v = 0; v < vectors; v++) {
        const ints inside = first(count - v * SG_LANES);
        for (int i = 0; i < rows; i++) {
            const vec w = stored(choose(inside, weight(scores[2 * i + v], factor), (vec){0}));
            store_as(SG_KIND, weights + i * width, v * SG_LANES, w);
            sums[i] += w;
        }
    }
}

// Those of a single key, which is not worth a panel: a class token makes one more than a square of patches.
static void weights_one(const sg_attention *t, const value *queries, const value *key, int rows, vec factor,
                        value *weights, ptrdiff_t width, vec *sums) {
    float scores[(SG_TILE + SG_LANES - 1) / SG_LANES * SG_LANES] = {0};
    for (int i = 0; i < rows; i++) scores[i] = total(dot(queries + i * t->qkv_row, key, t->channels / t->heads / GROUP));
    for (int l = 0; l < SG_TILE; l += SG_LANES) store(scores + l, weight(load(scores + l), factor));
    for (int i = 0; i < rows; i++) {
        const vec w = stored(choose(first(1), all(scores[i]), (vec){0}));
        store_as(SG_KIND, weights + i * width, 0, w);
        sums[i] += w;
    }
}

// Row by row, scores become 2^(scale * (score - largest)) in the table's kind; inverse gets 1 / their sum. Step by step
// over all rows, so that the reductions of several overlap.
static void softmax(float *scores, ptrdiff_t width, ptrdiff_t tokens, float scale, int rows, value *weights,
                    float *inverse) {
    const ptrdiff_t whole = tokens / SG_LANES * SG_LANES;
    const ints inside = first(tokens - whole);
    vec sums[SG_TILE];
    float high[SG_TILE];
    for (int i = 0; i < rows; i++) {
        float *row = scores + i * width;
        vec most = all(-3.0e38f);
        for (ptrdiff_t j = 0; j < whole; j += SG_LANES) most = largest_of(most, load(row + j));
        for (ptrdiff_t j = whole; j < width; j += SG_LANES) {
            const vec x = choose(j == whole ? inside : (ints){0}, load(row + j), all(-3.0e38f));
            store(row + j, x);
            most = largest_of(most, x);
        }
        high[i] = highest(most);
    }
    for (int i = 0; i < rows; i++) {
        const float *row = scores + i * width;
        value *to = weights + i * width;
        const vec shift = all(-scale * high[i]), factor = all(scale);
        sums[i] = (vec){0};
        for (ptrdiff_t j = 0; j < width; j += SG_LANES) {
            const vec p = stored(power(FMA(load(row + j), factor, shift)));
            sums[i] += p;
            store_as(SG_KIND, to, j, p);
        }
    }
    // Where the largest is no number, or infinite, no share is one.
    for (int i = 0; i < rows; i++) inverse[i] = 1.0f / total(sums[i]) + (high[i] - high[i]);
}
