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
    words x = {0};
    if (count >= SG_LANES) return *(const words *)row;
    for (ptrdiff_t l = 0; l < count; l++) x[l] = row[l];
    return x;
}

// panels = the transpose of (tokens, depth words), tokens padded with zeros to whole panels.
static void pack_keys(const uint32_t *keys, ptrdiff_t row, ptrdiff_t tokens, ptrdiff_t depth, words *panels) {
    for (ptrdiff_t j = 0; j < tokens; j += SG_LANES) {
        words *panel = panels + j / PANEL * depth * 2 + j / SG_LANES % 2;
        for (ptrdiff_t k = 0; k < depth; k += SG_LANES) {
            words square[SG_LANES];
            for (int l = 0; l < SG_LANES; l++)
                square[l] = j + l < tokens ? some(keys + (j + l) * row + k, depth - k) : (words){0};
            transpose(square);
            for (ptrdiff_t l = 0; l < SG_LANES && k + l < depth; l++) panel[2 * (k + l)] = square[l];
        }
    }
    // The right half of the last panel, where there are no tokens for it.
    if ((tokens + SG_LANES - 1) / SG_LANES % 2)
        for (ptrdiff_t k = 0; k < depth; k++) panels[tokens / PANEL * depth * 2 + 2 * k + 1] = (words){0};
}

// `count` of a row's values as words, each shifted to the word's place for the row; zeros after them.
INLINE words values_of(const value *row, ptrdiff_t count) {
#if SG_KIND == 0
    return some((const uint32_t *)(const void *)row, count);
#else
    if (count >= SG_LANES) return __builtin_convertvector(*(const halves *)row, words);
    words x = {0};
    for (ptrdiff_t l = 0; l < count; l++) x[l] = row[l];
    return x;
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

// Row by row, scores become 2^(scale * (score - largest)) in the table's kind; inverse gets 1 / their sum.
static void softmax(float *scores, ptrdiff_t width, ptrdiff_t tokens, float scale, int rows, value *weights,
                    float *inverse) {
    for (int i = 0; i < rows; i++, scores += width, weights += width) {
        for (ptrdiff_t j = tokens; j < width; j++) scores[j] = -3.0e38f;
        vec high = load(scores);
        for (ptrdiff_t j = SG_LANES; j < width; j += SG_LANES) high = larger(high, load(scores + j));
        const vec shift = all(-scale * highest(high)), factor = all(scale);
        vec sums = {0};
        for (ptrdiff_t j = 0; j < width; j += SG_LANES) {
            const vec p = power(FMA(load(scores + j), factor, shift));
            sums += p;
            store_as(SG_KIND, weights, j, p);
        }
        inverse[i] = 1.0f / total(sums);
    }
}

static void put(const sum *sums, int rows, const float *inverse, value *out, ptrdiff_t out_row, ptrdiff_t count) {
    for (int i = 0; i < rows; i++)
        for (int v = 0; v * SG_LANES < count && v < 2; v++) {
            const vec y = sums[2 * i + v] * inverse[i];
            value *to = out + i * out_row + v * SG_LANES;
            if (count - v * SG_LANES >= SG_LANES) {
                store_as(SG_KIND, to, 0, y);
            } else {
                value part[SG_LANES];
                store_as(SG_KIND, part, 0, y);
                memcpy(to, part, sizeof(value) * (size_t)(count - v * SG_LANES));
            }
        }
}

// A head's scratch, in order: keys, values, scores, weights.
typedef struct {
    words *keys, *values;
    float *scores;
    value *weights;
    // The tokens padded to whole panels.
    ptrdiff_t width;
} room;

static room rooms(const sg_attention *t) {
    const ptrdiff_t channels = t->channels / t->heads;
    const ptrdiff_t width = (t->tokens + PANEL - 1) / PANEL * PANEL;
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
    const reach over_channels = {1, channels / GROUP, 0}, over_tokens = {1, (t->tokens + GROUP - 1) / GROUP, 0};
    sum sums[2 * SG_TILE];
    float inverse[SG_TILE];
    for (ptrdiff_t j = 0; j < t->tokens; j += PANEL) {
        tile_sums(rows, 2, over_channels, (const uint32_t *)(const void *)(queries + row * t->qkv_row), qkv_row,
                  r.keys + j / PANEL * over_channels.run * 2, sums);
        for (int i = 0; i < rows; i++) {
            store(r.scores + i * r.width + j, sums[2 * i]);
            store(r.scores + i * r.width + j + SG_LANES, sums[2 * i + 1]);
        }
    }
    softmax(r.scores, r.width, t->tokens, t->scale * 1.44269504f, rows, r.weights, inverse);
    const words *panel = r.values;
    for (ptrdiff_t c = 0; c < channels; c += PANEL) {
        const int vectors = channels - c > SG_LANES ? 2 : 1;
        tile_sums(rows, vectors, over_tokens, (const uint32_t *)(const void *)r.weights, r.width / GROUP, panel, sums);
        put(sums, rows, inverse, out + row * t->out_row + c, t->out_row, channels - c);
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
