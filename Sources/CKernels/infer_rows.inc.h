// Kernels over rows: LayerNorm, conversion, pooling.

#if SG_KIND == 2
// bytes = the line in 255 steps from its least value to its largest; the row's scale and zero.
static void quantise(const float *line, ptrdiff_t padded, uint8_t *bytes, float *scale, float *zero) {
    vec low = load(line), high = low;
    for (ptrdiff_t j = SG_LANES; j < padded; j += SG_LANES) {
        low = smaller(low, load(line + j));
        high = larger(high, load(line + j));
    }
    const float least = -highest(-low), range = highest(high) - least;
    const vec inverse = all(range > 0 ? 255.0f / range : 0), shift = all(range > 0 ? -least * (255.0f / range) : 0);
    for (ptrdiff_t j = 0; j < padded; j += SG_LANES) {
        const __m512i whole = _mm512_cvtps_epi32((__m512)FMA(load(line + j), inverse, shift));
        _mm_storeu_si128((__m128i *)(void *)(bytes + j),
                         _mm512_cvtusepi32_epi8(_mm512_max_epi32(whole, _mm512_setzero_si512())));
    }
    *scale = range / 255.0f;
    *zero = least;
}
#endif

// The row's values less their mean, 0 past the columns, into line; returns 1 / sqrt(variance + epsilon).
static inline float centre(const float *x, ptrdiff_t columns, float epsilon, vec *mean) {
    vec even = {0}, odd = {0};
    ptrdiff_t j = 0;
    for (; j + 2 * SG_LANES <= columns; j += 2 * SG_LANES) {
        even += load(x + j);
        odd += load(x + j + SG_LANES);
    }
    const ptrdiff_t rest = j;
    for (; j < columns; j += SG_LANES) even += choose(first(columns - j), load(x + j), (vec){0});
    *mean = all(total(even + odd) / (float)columns);
    even = odd = (vec){0};
    for (j = 0; j < rest; j += 2 * SG_LANES) {
        const vec e = load(x + j) - *mean, o = load(x + j + SG_LANES) - *mean;
        even = FMA(e, e, even);
        odd = FMA(o, o, odd);
    }
    for (; j < columns; j += SG_LANES) {
        const vec e = choose(first(columns - j), load(x + j) - *mean, (vec){0});
        even = FMA(e, e, even);
    }
    return 1.0f / __builtin_sqrtf(total(even + odd) / (float)columns + epsilon);
}

static void norm(const sg_norm *t) {
    const ptrdiff_t padded = (t->columns + SG_INFER_PAD - 1) / SG_INFER_PAD * SG_INFER_PAD;
    for (ptrdiff_t row = 0; row < t->rows; row++) {
        const float *x = t->x + row * t->x_row;
        const float *addend = t->addend ? t->addend + row * t->addend_row : NULL;
        vec mean;
        const vec rstd = all(centre(x, t->columns, t->epsilon, &mean));
        value *out = (value *)t->out + row * t->out_row;
        for (ptrdiff_t j = 0; j < padded; j += SG_LANES) {
            vec y = FMA((load(x + j) - mean) * rstd, load(t->gamma + j), load(t->beta + j));
            if (addend) y += load(addend + j);
#if SG_KIND == 2
            store(t->line + j, y);
#else
            store_as(SG_KIND, out, j, y);
#endif
        }
#if SG_KIND == 2
        quantise(t->line, padded, out, t->scale + row, t->zero + row);
#endif
    }
}

static void convert(const sg_convert *t) {
    const size_t size = t->x_kind == SG_KIND_BF16 ? 2 : 4;
    for (ptrdiff_t row = 0; row < t->rows; row++) {
        const void *x = (const char *)t->x + size * (size_t)(row * t->x_row);
        value *out = (value *)t->out + row * t->out_row;
        for (ptrdiff_t j = 0; j < t->columns; j += SG_LANES) {
#if SG_KIND == 2
            store(t->line + j, load_as(t->x_kind, x, j));
#else
            store_as(SG_KIND, out, j, load_as(t->x_kind, x, j));
#endif
        }
#if SG_KIND == 2
        quantise(t->line, t->columns, out, t->scale + row, t->zero + row);
#endif
    }
}

#if SG_KIND != 2
static void pool(const sg_pool *t) {
    const value *x = t->x;
    value *y = t->y;
    for (ptrdiff_t oy = 0; oy < t->out_height; oy++)
        for (ptrdiff_t ox = 0; ox < t->out_width; ox++, y += t->channels)
            for (ptrdiff_t c = 0; c < t->channels; c += SG_LANES) {
                const value *corner = x + (oy * t->stride * t->width + ox * t->stride) * t->channels + c;
                vec most = load_as(SG_KIND, corner, 0);
                for (ptrdiff_t ky = 0; ky < t->side; ky++)
                    for (ptrdiff_t kx = 0; kx < t->side; kx++)
                        most = larger(most, load_as(SG_KIND, corner, (ky * t->width + kx) * t->channels));
                store_as(SG_KIND, y, c, most);
            }
}
#endif
