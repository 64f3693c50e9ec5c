// Kernels element by element, and the optimisers' updates.

// gelu(x) = x * Phi(x). Phi by Abramowitz and Stegun 7.1.26 (error below 1.5e-7), whose e^(-x^2/2) is also the
// density that the slope needs.
static inline __attribute__((always_inline)) void normal(float x, float *phi, float *density) {
    const float size = x < 0 ? -x : x;
    const float t = 1.0f / (1.0f + 0.3275911f * 0.707106781f * size);
    const float e = exponential(-0.5f * x * x);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    const float tail = 0.5f * p * t * e;
    *phi = x < 0 ? tail : 1.0f - tail;
    *density = 0.398942280f * e;
}

static void gelu(const float *x, float *y, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        float phi, density;
        normal(x[i], &phi, &density);
        y[i] = x[i] * phi;
    }
}

static void gelu_backward(const float *x, const float *dy, float *dx, ptrdiff_t count, int accumulate) {
    for (ptrdiff_t i = 0; i < count; i++) {
        float phi, density;
        normal(x[i], &phi, &density);
        const float d = dy[i] * (phi + x[i] * density);
        dx[i] = accumulate ? dx[i] + d : d;
    }
}

// Before a loop whose result may be written over one of its operands, value for value. A compiler that is not told takes that
// for a reason to go one by one.
#define SG_IN_PLACE _Pragma("clang loop vectorize(assume_safety)")

static void relu(const float *x, float *y, ptrdiff_t count) {
    SG_IN_PLACE for (ptrdiff_t i = 0; i < count; i++) y[i] = x[i] <= 0 ? 0 : x[i];
}

static void relu_backward(const float *y, const float *dy, float *dx, ptrdiff_t count, int accumulate) {
    SG_IN_PLACE for (ptrdiff_t i = 0; i < count; i++) {
        const float slope = dy[i], d = y[i] > 0 ? slope : 0;
        dx[i] = accumulate ? dx[i] + d : d;
    }
}

static void add(const float *a, const float *b, float *y, ptrdiff_t count) {
    SG_IN_PLACE for (ptrdiff_t i = 0; i < count; i++) y[i] = a[i] + b[i];
}

static void scale(const float *x, float a, float *y, ptrdiff_t count, int accumulate) {
    SG_IN_PLACE for (ptrdiff_t i = 0; i < count; i++) y[i] = accumulate ? y[i] + a * x[i] : a * x[i];
}

// Sums of at most this many values are taken in float before they are added in double.
enum { SG_RUN = 1024 };

static double squared_distance(const float *x, const float *y, ptrdiff_t count) {
    double total = 0;
    for (ptrdiff_t start = 0; start < count; start += SG_RUN) {
        const ptrdiff_t end = start + SG_RUN < count ? start + SG_RUN : count;
        float lane[SIXTEEN] = {0};
        ptrdiff_t i = start;
        for (; i + SIXTEEN <= end; i += SIXTEEN)
            for (int l = 0; l < SIXTEEN; l++) lane[l] += (x[i + l] - y[i + l]) * (x[i + l] - y[i + l]);
        for (int l = 0; i + l < end; l++) lane[l] += (x[i + l] - y[i + l]) * (x[i + l] - y[i + l]);
        total += (double)fold(lane);
    }
    return total;
}

static double sum(const float *x, ptrdiff_t count) {
    double total = 0;
    for (ptrdiff_t start = 0; start < count; start += SG_RUN) {
        const ptrdiff_t end = start + SG_RUN < count ? start + SG_RUN : count;
        float lane[SIXTEEN] = {0};
        ptrdiff_t i = start;
        for (; i + SIXTEEN <= end; i += SIXTEEN)
            for (int l = 0; l < SIXTEEN; l++) lane[l] += x[i + l];
        for (int l = 0; i + l < end; l++) lane[l] += x[i + l];
        total += (double)fold(lane);
    }
    return total;
}

static void adamw_update(float *w, const float *g, float *m, float *v, ptrdiff_t count, const sg_adamw *how) {
    const float beta1 = how->beta1, beta2 = how->beta2, epsilon = how->epsilon;
    const float keep = 1.0f - how->rate * how->decay, step = how->rate / how->correction1;
    const float root = __builtin_sqrtf(how->correction2);
    for (ptrdiff_t i = 0; i < count; i++) {
        m[i] = beta1 * m[i] + (1.0f - beta1) * g[i];
        v[i] = beta2 * v[i] + (1.0f - beta2) * g[i] * g[i];
        w[i] = w[i] * keep - step * m[i] / (__builtin_sqrtf(v[i]) / root + epsilon);
    }
}

static void sgd_update(float *w, const float *g, float *buffer, ptrdiff_t count, const sg_sgd *how) {
    const float momentum = how->first ? 0.0f : how->momentum, decay = how->decay, rate = how->rate;
    for (ptrdiff_t i = 0; i < count; i++) {
        buffer[i] = momentum * buffer[i] + (g[i] + decay * w[i]);
        w[i] -= rate * buffer[i];
    }
}
