// Kernels over the rows of a matrix. Sums along a row run in SIXTEEN fixed lanes, so that every level takes them in one order.

enum { SIXTEEN = 16 };

static inline float fold(const float *lane) {
    float eight[8], four[4];
    for (int i = 0; i < 8; i++) eight[i] = lane[i] + lane[i + 8];
    for (int i = 0; i < 4; i++) four[i] = eight[i] + eight[i + 4];
    return (four[0] + four[2]) + (four[1] + four[3]);
}

// e^x to about 2 units in the last place for x <= 0 and wherever it does not overflow: 2^n * e^r, |r| <= ln2 / 2.
static inline __attribute__((always_inline)) float exponential(float x) {
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    const float shifted = x * 1.44269504f + 12582912.0f;
    const float n = shifted - 12582912.0f;
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    union {
        uint32_t bits;
        float value;
    } power = {.bits = (uint32_t)((int32_t)n + 127) << 23};
    return p * power.value;
}

typedef int32_t sg_integers __attribute__((vector_size(4 * SG_LANES), aligned(4)));
enum { SG_PARTS = SIXTEEN / SG_LANES };

static inline __attribute__((always_inline)) sg_vector choose(sg_integers mask, sg_vector yes, sg_vector no) {
    return (sg_vector)((mask & (sg_integers)yes) | (~mask & (sg_integers)no));
}

// The same as exponential, operation for operation, in lanes. A value that is no number stays one.
static inline __attribute__((always_inline)) sg_vector exponential_lanes(sg_vector x) {
    const sg_vector low = (sg_vector){0} - 87.0f, high = (sg_vector){0} + 88.0f;
    x = choose(x < low, low, x);
    x = choose(x > high, high, x);
    const sg_vector n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    sg_vector r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    sg_vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    return p * (sg_vector)((__builtin_convertvector(n, sg_integers) + 127) << 23);
}

// y = e^(scale * x - high) for sixteen values, the first `count` of which are added to the sums.
static inline __attribute__((always_inline)) void exponentials(const float *x, float scale, float high, float *y,
                                                               sg_vector *sums, ptrdiff_t count) {
    for (int part = 0; part < SG_PARTS; part++) {
        const sg_vector value = exponential_lanes(scale * *(const sg_vector *)(x + part * SG_LANES) - high);
        *(sg_vector *)(y + part * SG_LANES) = value;
        if (count == SIXTEEN) sums[part] += value;
    }
    for (ptrdiff_t l = 0; count < SIXTEEN && l < count; l++) sums[l / SG_LANES][l % SG_LANES] += y[l];
}

// The largest of x, in lanes: compilers do not reorder comparisons on their own.
static float largest(const float *x, ptrdiff_t columns) {
    float high = x[0];
    ptrdiff_t j = 0;
    if (columns >= SG_LANES) {
        sg_vector lane = *(const sg_vector *)x;
        for (j = SG_LANES; j + SG_LANES <= columns; j += SG_LANES) {
            const sg_vector next = *(const sg_vector *)(x + j);
            lane = choose(next > lane, next, lane);
        }
        for (int l = 0; l < SG_LANES; l++) high = lane[l] > high ? lane[l] : high;
    }
    for (; j < columns; j++) high = x[j] > high ? x[j] : high;
    return high;
}

static void softmax(const float *x, float *y, ptrdiff_t rows, ptrdiff_t columns, float scale) {
    for (ptrdiff_t row = 0; row < rows; row++, x += columns, y += columns) {
        const float high = scale * largest(x, columns);
        sg_vector sums[SG_PARTS] = {{0}};
        ptrdiff_t j = 0;
        for (; j + SIXTEEN <= columns; j += SIXTEEN) exponentials(x + j, scale, high, y + j, sums, SIXTEEN);
        if (j < columns) {
            // The rest of a row in lanes too: one by one, exponentials would take most of attention's time.
            float rest[SIXTEEN] = {0};
            memcpy(rest, x + j, sizeof(float) * (size_t)(columns - j));
            exponentials(rest, scale, high, rest, sums, columns - j);
            memcpy(y + j, rest, sizeof(float) * (size_t)(columns - j));
        }
        float lane[SIXTEEN];
        memcpy(lane, sums, sizeof lane);
        const float inverse = 1.0f / fold(lane);
        for (ptrdiff_t i = 0; i < columns; i++) y[i] *= inverse;
    }
}

static void softmax_backward(const float *p, const float *dp, float *dx, ptrdiff_t rows, ptrdiff_t columns,
                             float scale) {
    for (ptrdiff_t row = 0; row < rows; row++, p += columns, dp += columns, dx += columns) {
        float lane[SIXTEEN] = {0};
        ptrdiff_t j = 0;
        for (; j + SIXTEEN <= columns; j += SIXTEEN)
            for (int l = 0; l < SIXTEEN; l++) lane[l] += p[j + l] * dp[j + l];
        for (int l = 0; j + l < columns; l++) lane[l] += p[j + l] * dp[j + l];
        const float mean = fold(lane);
        for (j = 0; j < columns; j++) dx[j] = scale * p[j] * (dp[j] - mean);
    }
}

static void layernorm(const float *x, const float *gamma, const float *beta, float *y, float *means, float *rstds,
                      ptrdiff_t rows, ptrdiff_t columns, float epsilon) {
    for (ptrdiff_t row = 0; row < rows; row++, x += columns, y += columns) {
        float lane[SIXTEEN] = {0};
        ptrdiff_t j = 0;
        for (; j + SIXTEEN <= columns; j += SIXTEEN)
            for (int l = 0; l < SIXTEEN; l++) lane[l] += x[j + l];
        for (int l = 0; j + l < columns; l++) lane[l] += x[j + l];
        const float mean = fold(lane) / (float)columns;
        float square[SIXTEEN] = {0};
        for (j = 0; j + SIXTEEN <= columns; j += SIXTEEN)
            for (int l = 0; l < SIXTEEN; l++) square[l] += (x[j + l] - mean) * (x[j + l] - mean);
        for (int l = 0; j + l < columns; l++) square[l] += (x[j + l] - mean) * (x[j + l] - mean);
        const float rstd = 1.0f / __builtin_sqrtf(fold(square) / (float)columns + epsilon);
        for (j = 0; j < columns; j++) y[j] = (x[j] - mean) * rstd * gamma[j] + beta[j];
        if (means) means[row] = mean;
        if (rstds) rstds[row] = rstd;
    }
}

static void layernorm_backward(const float *x, const float *gamma, const float *means, const float *rstds,
                               const float *dy, float *dx, float *dgamma, float *dbeta, ptrdiff_t rows,
                               ptrdiff_t columns, int accumulate) {
    for (ptrdiff_t row = 0; row < rows; row++, x += columns, dy += columns, dx += columns) {
        const float mean = means[row], rstd = rstds[row];
        float sums[SIXTEEN] = {0}, products[SIXTEEN] = {0};
        ptrdiff_t j = 0;
        for (; j + SIXTEEN <= columns; j += SIXTEEN)
            for (int l = 0; l < SIXTEEN; l++) {
                const float d = dy[j + l] * gamma[j + l];
                sums[l] += d;
                products[l] += d * (x[j + l] - mean);
            }
        for (int l = 0; j + l < columns; l++) {
            const float d = dy[j + l] * gamma[j + l];
            sums[l] += d;
            products[l] += d * (x[j + l] - mean);
        }
        const float first = fold(sums) / (float)columns;
        const float second = fold(products) * rstd * rstd / (float)columns;
        for (j = 0; j < columns; j++) {
            const float centred = x[j] - mean;
            const float d = rstd * (dy[j] * gamma[j] - first - centred * second);
            dgamma[j] += dy[j] * centred * rstd;
            dbeta[j] += dy[j];
            dx[j] = accumulate ? dx[j] + d : d;
        }
    }
}

// Four sums at a time stay in registers: of four vectors of columns, or of every fourth row where there are fewer.
static void sum_rows(const float *x, ptrdiff_t x_row, float *restrict sum, ptrdiff_t rows, ptrdiff_t columns) {
    ptrdiff_t j = 0;
    for (; j + 4 * SG_LANES <= columns; j += 4 * SG_LANES) {
        sg_vector sums[4] = {{0}, {0}, {0}, {0}};
        for (ptrdiff_t row = 0; row < rows; row++)
            for (int v = 0; v < 4; v++) sums[v] += *(const sg_vector *)(x + row * x_row + j + v * SG_LANES);
        for (int v = 0; v < 4; v++) *(sg_vector *)(sum + j + v * SG_LANES) += sums[v];
    }
    for (; j + SG_LANES <= columns; j += SG_LANES) {
        sg_vector sums[4] = {{0}, {0}, {0}, {0}};
        ptrdiff_t row = 0;
        for (; row + 4 <= rows; row += 4)
            for (int v = 0; v < 4; v++) sums[v] += *(const sg_vector *)(x + (row + v) * x_row + j);
        for (; row < rows; row++) sums[0] += *(const sg_vector *)(x + row * x_row + j);
        *(sg_vector *)(sum + j) += (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
    for (; j < columns; j++)
        for (ptrdiff_t row = 0; row < rows; row++) sum[j] += x[row * x_row + j];
}

static void scale_shift(const float *x, const float *scale, const float *shift, float *y, ptrdiff_t rows,
                        ptrdiff_t columns, int accumulate) {
    for (ptrdiff_t row = 0; row < rows; row++, x += columns, y += columns)
        for (ptrdiff_t j = 0; j < columns; j++) {
            const float value = x[j] * scale[j] + shift[j];
            y[j] = accumulate ? y[j] + value : value;
        }
}

static void moments(const float *x, const float *shift, float *restrict sum, float *restrict squares, ptrdiff_t rows,
                    ptrdiff_t columns) {
    for (ptrdiff_t row = 0; row < rows; row++, x += columns)
        for (ptrdiff_t j = 0; j < columns; j++) {
            const float centred = x[j] - shift[j];
            sum[j] += centred;
            squares[j] += centred * centred;
        }
}

static void sum_products(const float *x, const float *y, float *restrict products, ptrdiff_t rows,
                         ptrdiff_t columns) {
    for (ptrdiff_t row = 0; row < rows; row++, x += columns, y += columns)
        for (ptrdiff_t j = 0; j < columns; j++) products[j] += x[j] * y[j];
}
