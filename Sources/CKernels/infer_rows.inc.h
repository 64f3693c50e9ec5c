// Kernels over rows: LayerNorm, conversion, pooling.

#if SG_KIND == 2
// Sixteen values that are steps already, as such a line's next bytes.
INLINE __m512i steps_of(vec x, vec inverse, vec shift) { return _mm512_cvtps_epi32((__m512)FMA(x, inverse, shift)); }

// 64 values of memory as 32-bit steps, in the order in which bytes_of() takes them. kind is a constant where this is inlined.
INLINE void load_steps(const int kind, const void *line, ptrdiff_t j, vec inverse, vec shift, __m512i steps[4]) {
    if (kind == SG_KIND_BF16) {
        // The even values of 32 are the low halves of words, the odd ones the high halves.
        for (int i = 0; i < 2; i++) {
            const words both = *(const words *)(const void *)((const uint16_t *)line + j + i * 2 * SG_LANES);
            steps[2 * i] = steps_of((vec)(both << 16), inverse, shift);
            steps[2 * i + 1] = steps_of((vec)(both & 0xffff0000), inverse, shift);
        }
    } else {
        for (int i = 0; i < 4; i++) steps[i] = steps_of(load((const float *)line + j + i * SG_LANES), inverse, shift);
    }
}

// The bytes of such steps, each within 0...255.
INLINE __m512i bytes_of(const int kind, const __m512i steps[4]) {
    if (kind == SG_KIND_BF16) {
        const __m512i first = _mm512_or_si512(steps[0], _mm512_slli_epi32(steps[1], 16));
        const __m512i second = _mm512_or_si512(steps[2], _mm512_slli_epi32(steps[3], 16));
        const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
        return _mm512_permutexvar_epi64(order, _mm512_packus_epi16(first, second));
    }
    const __m512i first = _mm512_packs_epi32(steps[0], steps[1]), second = _mm512_packs_epi32(steps[2], steps[3]);
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, _mm512_packus_epi16(first, second));
}

// The least and the largest of a line's values, no numbers where one is none. kind is a constant where this is inlined.
INLINE void span_of(const int kind, const void *line, ptrdiff_t padded, float *least, float *most) {
    vec low = load_as(kind, line, 0), high = low, odd_low = low, odd_high = low;
    ptrdiff_t j = 0;
    for (; j + 2 * SG_LANES <= padded; j += 2 * SG_LANES) {
        vec even, odd;
        if (kind == SG_KIND_BF16) {
            const words both = *(const words *)(const void *)((const uint16_t *)line + j);
            even = (vec)(both << 16), odd = (vec)(both & 0xffff0000);
        } else {
            even = load((const float *)line + j), odd = load((const float *)line + j + SG_LANES);
        }
        low = least_of(low, even), odd_low = least_of(odd_low, odd);
        high = largest_of(high, even), odd_high = largest_of(odd_high, odd);
    }
    for (; j < padded; j += SG_LANES) {
        const vec x = load_as(kind, line, j);
        low = least_of(low, x), high = largest_of(high, x);
    }
    *least = -highest(-least_of(low, odd_low));
    *most = highest(largest_of(high, odd_high));
}

// bytes = the line in 255 steps from its least value to its largest; the row's scale and zero, which are no numbers where a value
// is none: a byte has no room for it. kind is a constant where
// this is inlined.
INLINE void quantise(const int kind, const void *line, ptrdiff_t padded, uint8_t *bytes, float *scale, float *zero) {
    float least, most;
    span_of(kind, line, padded, &least, &most);
    const float range = most - least;
    const vec inverse = all(range > 0 ? 255.0f / range : 0), shift = all(range > 0 ? -least * (255.0f / range) : 0);
    ptrdiff_t j = 0;
    for (; j + 4 * SG_LANES <= padded; j += 4 * SG_LANES) {
        __m512i steps[4];
        load_steps(kind, line, j, inverse, shift, steps);
        _mm512_storeu_si512(bytes + j, bytes_of(kind, steps));
    }
    for (; j < padded; j += SG_LANES)
        _mm_storeu_si128((__m128i *)(void *)(bytes + j),
                         _mm512_cvtusepi32_epi8(_mm512_max_epi32(
                             steps_of(load_as(kind, line, j), inverse, shift), _mm512_setzero_si512())));
    *scale = range / 255.0f;
    *zero = least;
}
#endif

// Rows are normalised so many at a time, step by step, so that their reductions overlap.
enum { NORM_ROWS = 8 };

// The sum over a row's columns of x - shift, or of its square.
INLINE vec gather(const float *x, ptrdiff_t columns, vec shift, const int squared) {
    vec even = {0}, odd = {0};
    ptrdiff_t j = 0;
    for (; j + 2 * SG_LANES <= columns; j += 2 * SG_LANES) {
        const vec e = load(x + j) - shift, o = load(x + j + SG_LANES) - shift;
        even = squared ? FMA(e, e, even) : even + e;
        odd = squared ? FMA(o, o, odd) : odd + o;
    }
    for (; j < columns; j += SG_LANES) {
        const vec e = choose(first(columns - j), load(x + j) - shift, (vec){0});
        even = squared ? FMA(e, e, even) : even + e;
    }
    return even + odd;
}

static void norm_rows(const sg_norm *t, ptrdiff_t row, int rows) {
    const ptrdiff_t padded = (t->columns + SG_INFER_PAD - 1) / SG_INFER_PAD * SG_INFER_PAD;
    // In double: an error of a share or a root would be the same for a whole row, and a share's for all rows.
    const double share = 1.0 / (double)t->columns;
    const float *x = t->x + row * t->x_row;
    vec mean[NORM_ROWS], rstd[NORM_ROWS];
    for (int i = 0; i < rows; i++) mean[i] = gather(x + i * t->x_row, t->columns, (vec){0}, 0);
    for (int i = 0; i < rows; i++) mean[i] = all((float)((double)total(mean[i]) * share));
    for (int i = 0; i < rows; i++) rstd[i] = gather(x + i * t->x_row, t->columns, mean[i], 1);
    for (int i = 0; i < rows; i++) rstd[i] = all((float)(1.0 / __builtin_sqrt((double)total(rstd[i]) * share + (double)t->epsilon)));
    for (int i = 0; i < rows; i++, row++, x += t->x_row) {
        const float *addend = t->addend ? t->addend + row * t->addend_row : NULL;
        value *out = (value *)t->out + row * t->out_row;
        for (ptrdiff_t j = 0; j < padded; j += SG_LANES) {
            vec y = FMA((load(x + j) - mean[i]) * rstd[i], load(t->gamma + j), load(t->beta + j));
            if (addend) y += load(addend + j);
#if SG_KIND == 2
            store(t->line + j, y);
#else
            store_as(SG_KIND, out, j, y);
#endif
        }
#if SG_KIND == 2
        quantise(SG_KIND_F32, t->line, padded, out, t->scale + row, t->zero + row);
#endif
    }
}

static void norm(const sg_norm *t) {
    for (ptrdiff_t row = 0; row < t->rows; row += NORM_ROWS)
        norm_rows(t, row, (int)(t->rows - row < NORM_ROWS ? t->rows - row : NORM_ROWS));
}

static void convert(const sg_convert *t) {
    const size_t size = t->x_kind == SG_KIND_BF16 ? 2 : 4;
    for (ptrdiff_t row = 0; row < t->rows; row++) {
        const void *x = (const char *)t->x + size * (size_t)(row * t->x_row);
        value *out = (value *)t->out + row * t->out_row;
#if SG_KIND == 2
        if (t->x_kind == SG_KIND_BF16)
            quantise(SG_KIND_BF16, x, t->columns, out, t->scale + row, t->zero + row);
        else
            quantise(SG_KIND_F32, x, t->columns, out, t->scale + row, t->zero + row);
#else
        for (ptrdiff_t j = 0; j < t->columns; j += SG_LANES) store_as(SG_KIND, out, j, load_as(t->x_kind, x, j));
#endif
    }
}

#if SG_KIND != 2
static void pool(const sg_pool *t) {
    const value *x = t->x;
    value *y = t->y;
    for (ptrdiff_t oy = 0; oy < t->out_height; oy++)
        for (ptrdiff_t ox = 0; ox < t->out_width; ox++, y += t->channels) {
            const ptrdiff_t top = oy * t->stride - t->padding, left = ox * t->stride - t->padding;
            const ptrdiff_t y0 = top < 0 ? 0 : top, x0 = left < 0 ? 0 : left;
            const ptrdiff_t y1 = top + t->side < t->height ? top + t->side : t->height;
            const ptrdiff_t x1 = left + t->side < t->width ? left + t->side : t->width;
            for (ptrdiff_t c = 0; c < t->channels; c += SG_LANES) {
                vec most = load_as(SG_KIND, x, (y0 * t->width + x0) * t->channels + c);
                for (ptrdiff_t iy = y0; iy < y1; iy++)
                    for (ptrdiff_t ix = x0; ix < x1; ix++)
                        most = largest_of(most, load_as(SG_KIND, x, (iy * t->width + ix) * t->channels + c));
                store_as(SG_KIND, y, c, most);
            }
        }
}

static void mean(const sg_mean *t) {
    const vec share = all(1.0f / (float)t->rows);
    for (ptrdiff_t c = 0; c < t->columns; c += SG_LANES) {
        vec total_of = {0};
        for (ptrdiff_t row = 0; row < t->rows; row++) total_of += load_as(t->x_kind, t->x, row * t->x_row + c);
        store_as(SG_KIND, t->out, c, total_of * share);
    }
}
#endif
