// What attention's products want on their right side: a head's keys and values as panels.

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
