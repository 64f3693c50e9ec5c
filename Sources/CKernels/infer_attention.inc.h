// Attention for a few hundred tokens: keys and values of a head are packed as the right side of a product, then each
// tile of queries goes through scores, weights and the weighted mean while it is in the first cache.
#include "infer_attention_panels.inc.h"
#include "infer_attention_weights.inc.h"

INLINE void mean_of(const int rows, reach r, const uint32_t *a, ptrdiff_t a_row, const words *panel,
                    const float *inverse, value *out, ptrdiff_t out_row) {
    sum left[SG_TILE], right[SG_TILE];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) left[i] = right[i] = (sum){0};
    multiply(rows, 2, 0, r, a, a_row, panel, left, right);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        store_as(SG_KIND, out + i * out_row, 0, left[i] * inverse[i]);
        store_as(SG_KIND, out + i * out_row, SG_LANES, right[i] * inverse[i]);
    }
}

#undef CASE
#define CASE(R, V) \
    case R: mean_of(R, r, a, a_row, panel, inverse, out, out_row); break;
// The weighted mean of a whole panel of values.
static __attribute__((noinline)) void mean_tile(int rows, reach r, const uint32_t *a, ptrdiff_t a_row, const words *panel,
                                                const float *inverse, value *out, ptrdiff_t out_row) {
    switch (rows) { CASES(2) }
}

// The first `count` values of y.
INLINE void put_some(value *to, vec y, ptrdiff_t count) {
    if (count >= SG_LANES) {
        store_as(SG_KIND, to, 0, y);
        return;
    }
#if SG_WIDE && SG_KIND == 0
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), (__m512)y);
#elif SG_WIDE
    _mm256_mask_storeu_epi16(to, (__mmask16)((1u << count) - 1), (__m256i)narrow(y));
#else
    for (ptrdiff_t l = 0; l < count; l++) to[l] = y[l];
#endif
}

static void put(const sum *sums, int rows, int vectors, const float *inverse, value *out, ptrdiff_t out_row,
                ptrdiff_t count) {
    for (int i = 0; i < rows; i++, out += out_row) {
        put_some(out, sums[2 * i] * inverse[i], count);
        if (vectors == 2) put_some(out + SG_LANES, sums[2 * i + 1] * inverse[i], count - SG_LANES);
    }
}

// A head's scratch, in order: keys, values, scores, weights.
typedef struct {
    words *keys, *values;
    float *scores;
    value *weights;
    // The tokens padded to whole vectors.
    ptrdiff_t width;
} room;

static room rooms(const sg_attention *t) {
    const ptrdiff_t channels = t->channels / t->heads;
    const ptrdiff_t width = (t->tokens + SG_LANES - 1) / SG_LANES * SG_LANES;
    const ptrdiff_t padded = (channels + SG_LANES - 1) / SG_LANES * SG_LANES;
    float *scratch = t->scratch;
    room r = {.keys = (words *)(void *)scratch, .width = width};
    scratch += width * channels;
    r.values = (words *)(void *)scratch;
    scratch += (t->tokens + 1) * padded;
    r.scores = scratch;
    r.weights = (value *)(void *)(scratch + SG_TILE * width);
    return r;
}

// A tile of queries' weights, and the inverse of each row's sum.
static void weigh(const sg_attention *t, room r, int is_calm, const value *queries, const value *keys, int rows,
                  float *inverse) {
    const reach over_channels = {.runs = 1, .run = t->channels / t->heads / GROUP};
    const uint32_t *from = (const uint32_t *)(const void *)queries;
    const ptrdiff_t row = t->qkv_row / GROUP;
    const float factor = t->scale * 1.44269504f;
    ptrdiff_t j = 0;
    if (!is_calm) {
        for (; j < t->tokens; j += PANEL)
            tile_sums(rows, t->tokens - j > SG_LANES ? 2 : 1, &over_channels, from, row,
                      r.keys + j / SG_LANES * over_channels.run, (sum *)(void *)(r.scores + j), r.width / SG_LANES);
        softmax(r.scores, r.width, t->tokens, factor, rows, r.weights, inverse);
        return;
    }
    vec sums[SG_TILE];
    for (int i = 0; i < rows; i++) sums[i] = (vec){0};
    for (; j + PANEL <= t->tokens; j += PANEL)
        weights_tile(rows, over_channels, from, row, r.keys + j / SG_LANES * over_channels.run, all(factor),
                     r.weights + j, r.width, sums);
    const ptrdiff_t rest = t->tokens - j;
    if (rest == 1) {
        weights_one(t, queries, keys + j * t->qkv_row, rows, all(factor), r.weights + j, r.width, sums);
    } else if (rest > 0) {
        const int vectors = rest > SG_LANES ? 2 : 1;
        sum scores[2 * SG_TILE];
        tile_sums(rows, vectors, &over_channels, from, row, r.keys + j / SG_LANES * over_channels.run, scores, 2);
        weights_rest(vectors, scores, rest, rows, all(factor), r.weights + j, r.width, sums);
    }
    for (int i = 0; i < rows; i++) inverse[i] = 1.0f / total(sums[i]);
}

// A tile of queries' weighted means.
static void average(const sg_attention *t, room r, int rows, const float *inverse, value *out) {
    const ptrdiff_t channels = t->channels / t->heads, row = r.width / GROUP;
    const reach over_tokens = {.runs = 1, .run = (t->tokens + GROUP - 1) / GROUP};
    const uint32_t *weights = (const uint32_t *)(const void *)r.weights;
    const words *panel = r.values;
    ptrdiff_t c = 0;
    for (; c + PANEL <= channels; c += PANEL, panel += 2 * over_tokens.run)
        mean_tile(rows, over_tokens, weights, row, panel, inverse, out + c, t->out_row);
    if (c == channels) return;
    const int vectors = channels - c > SG_LANES ? 2 : 1;
    sum sums[2 * SG_TILE];
    tile_sums(rows, vectors, &over_tokens, weights, row, panel, sums, 2);
    put(sums, rows, vectors, inverse, out + c, t->out_row, channels - c);
}

static void attention(const sg_attention *t) {
    const ptrdiff_t channels = t->channels / t->heads;
    const room r = rooms(t);
    float inverse[SG_TILE];
    for (ptrdiff_t head = 0; head < t->heads; head++) {
        const value *queries = (const value *)t->qkv + head * channels;
        const value *keys = queries + t->channels, *values = keys + t->channels;
        value *out = (value *)t->out + head * channels;
        pack_keys((const uint32_t *)(const void *)keys, t->qkv_row / GROUP, t->tokens, channels / GROUP, r.keys);
        pack_values(values, t->qkv_row, t->tokens, channels, r.values);
        const int is_calm_head = is_calm(t, queries, keys);
        for (ptrdiff_t row = 0; row < t->tokens;) {
            const int rows = tile_rows(t->tokens - row);
            weigh(t, r, is_calm_head, queries + row * t->qkv_row, keys, rows, inverse);
            average(t, r, rows, inverse, out + row * t->out_row);
            row += rows;
        }
    }
}
