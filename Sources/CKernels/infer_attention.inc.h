// Attention for a few hundred tokens: keys and values of a head are packed as the right side of a product, then each
// tile of queries goes through scores, softmax and the weighted sum while it is in the first cache.

// Two vectors of words, lane by lane alternating; `high` takes their upper halves.
INLINE words interleave(words x, words y, int high) {
#if SG_LANES == 16
    if (high)
        return __builtin_shufflevector(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    return __builtin_shufflevector(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
#elif SG_LANES == 8
    if (high) return __builtin_shufflevector(x, y, 4, 12, 5, 13, 6, 14, 7, 15);
    return __builtin_shufflevector(x, y, 0, 8, 1, 9, 2, 10, 3, 11);
#else
    if (high) return __builtin_shufflevector(x, y, 2, 6, 3, 7);
    return __builtin_shufflevector(x, y, 0, 4, 1, 5);
#endif
}

// A square of words transposed: as many perfect shuffles of the rows as the lanes' number has bits.
INLINE void transpose(words square[SG_LANES]) {
#pragma clang loop unroll(full)
    for (int width = 1; width < SG_LANES; width *= 2) {
        words next[SG_LANES];
#pragma clang loop unroll(full)
        for (int i = 0; i < SG_LANES / 2; i++) {
            next[2 * i] = interleave(square[i], square[i + SG_LANES / 2], 0);
            next[2 * i + 1] = interleave(square[i], square[i + SG_LANES / 2], 1);
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < SG_LANES; i++) square[i] = next[i];
    }
}

// `count` words of a row, zeros after them.
INLINE words some(const uint32_t *row, ptrdiff_t count) {
    if (count >= SG_LANES) return *(const words *)row;
#if SG_WIDE
    return (words)_mm512_maskz_loadu_epi32((__mmask16)((1u << count) - 1), row);
#else
    words x = {0};
    for (ptrdiff_t l = 0; l < count; l++) x[l] = row[l];
    return x;
#endif
}

// panels = the transpose of (tokens, depth words), tokens padded with zeros to whole vectors; the last panel is one
// vector wide where that is enough.
static void pack_keys(const uint32_t *keys, ptrdiff_t row, ptrdiff_t tokens, ptrdiff_t depth, words *panels) {
    for (ptrdiff_t j = 0; j < tokens; j += SG_LANES) {
        const ptrdiff_t start = j / PANEL * PANEL, vectors = tokens - start > SG_LANES ? 2 : 1;
        words *panel = panels + start / SG_LANES * depth + j / SG_LANES % 2;
        for (ptrdiff_t k = 0; k < depth; k += SG_LANES) {
            words square[SG_LANES];
            for (int l = 0; l < SG_LANES; l++)
                square[l] = j + l < tokens ? some(keys + (j + l) * row + k, depth - k) : (words){0};
            transpose(square);
            for (ptrdiff_t l = 0; l < SG_LANES && k + l < depth; l++) panel[vectors * (k + l)] = square[l];
        }
    }
}

// `count` of a row's values as words, each shifted to the word's place for the row; zeros after them.
INLINE words values_of(const value *row, ptrdiff_t count) {
#if SG_KIND == 0
    return some((const uint32_t *)(const void *)row, count);
#else
    if (count >= SG_LANES) return __builtin_convertvector(*(const halves *)row, words);
    return (words)_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16((__mmask16)((1u << count) - 1), row));
#endif
}

// panels of the values' channels: (tokens / GROUP, two vectors, GROUP), the last panel maybe one vector wide.
static void pack_values(const value *values, ptrdiff_t row, ptrdiff_t tokens, ptrdiff_t channels, words *panels) {
    const ptrdiff_t depth = (tokens + GROUP - 1) / GROUP;
    for (ptrdiff_t c = 0; c < channels; c += PANEL) {
        const int vectors = channels - c > SG_LANES ? 2 : 1;
        for (ptrdiff_t k = 0; k < depth; k++)
            for (int v = 0; v < vectors; v++) {
                const value *from = values + k * GROUP * row + c + v * SG_LANES;
                const ptrdiff_t count = channels - c - v * SG_LANES;
                words x = values_of(from, count);
#if SG_KIND == 1
                if (2 * k + 1 < tokens) x |= values_of(from + row, count) << 16;
#endif
                *panels++ = x;
            }
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
        for (ptrdiff_t j = 0; j < whole; j += SG_LANES) most = larger(most, load(row + j));
        for (ptrdiff_t j = whole; j < width; j += SG_LANES) {
            const vec x = choose(j == whole ? inside : (ints){0}, load(row + j), all(-3.0e38f));
            store(row + j, x);
            most = larger(most, x);
        }
        high[i] = highest(most);
    }
    for (int i = 0; i < rows; i++) {
        const float *row = scores + i * width;
        value *to = weights + i * width;
        const vec shift = all(-scale * high[i]), factor = all(scale);
        sums[i] = (vec){0};
        for (ptrdiff_t j = 0; j < width; j += SG_LANES) {
            const vec p = power(FMA(load(row + j), factor, shift));
            sums[i] += p;
            store_as(SG_KIND, to, j, p);
        }
    }
    for (int i = 0; i < rows; i++) inverse[i] = 1.0f / total(sums[i]);
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

static void attend(const sg_attention *t, room r, const value *queries, value *out, ptrdiff_t row, int rows) {
    const ptrdiff_t channels = t->channels / t->heads, qkv_row = t->qkv_row / GROUP;
    const reach over_channels = {.runs = 1, .run = channels / GROUP};
    const reach over_tokens = {.runs = 1, .run = (t->tokens + GROUP - 1) / GROUP};
    sum sums[2 * SG_TILE];
    float inverse[SG_TILE];
    for (ptrdiff_t j = 0; j < t->tokens; j += PANEL) {
        tile_sums(rows, t->tokens - j > SG_LANES ? 2 : 1, over_channels, (const uint32_t *)(const void *)(queries + row * t->qkv_row), qkv_row,
                  r.keys + j / SG_LANES * over_channels.run, (sum *)(void *)(r.scores + j), r.width / SG_LANES);
    }
    softmax(r.scores, r.width, t->tokens, t->scale * 1.44269504f, rows, r.weights, inverse);
    const words *panel = r.values;
    for (ptrdiff_t c = 0; c < channels; c += PANEL) {
        const int vectors = channels - c > SG_LANES ? 2 : 1;
        tile_sums(rows, vectors, over_tokens, (const uint32_t *)(const void *)r.weights, r.width / GROUP, panel, sums,
                  2);
        put(sums, rows, vectors, inverse, out + row * t->out_row + c, t->out_row, channels - c);
        panel += vectors * over_tokens.run;
    }
}

static void attention(const sg_attention *t) {
    const ptrdiff_t channels = t->channels / t->heads;
    const room r = rooms(t);
    for (ptrdiff_t head = 0; head < t->heads; head++) {
        const value *queries = (const value *)t->qkv + head * channels;
        const value *keys = queries + t->channels, *values = keys + t->channels;
        pack_keys((const uint32_t *)(const void *)keys, t->qkv_row / GROUP, t->tokens, channels / GROUP, r.keys);
        pack_values(values, t->qkv_row, t->tokens, channels, r.values);
        for (ptrdiff_t row = 0; row < t->tokens;) {
            const int rows = tile_rows(t->tokens - row);
            attend(t, r, queries, (value *)t->out + head * channels, row, rows);
            row += rows;
        }
    }
}
