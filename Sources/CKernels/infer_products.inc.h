// Products with packed weights: a tile of SG_TILE rows and two vectors of columns stays in registers over the whole
// depth. The left side is read where it lies, a word (of one, two or four values) broadcast at a time.

#if SG_KIND == 0
typedef vec sum;
typedef float value;
enum { GROUP = 1 };
INLINE sum multiply_add(sum s, uint32_t a, words b) {
    const vec x = (vec)(a - (words){0});
    return FMA(x, (vec)b, s);
}
#elif SG_KIND == 1
typedef vec sum;
typedef uint16_t value;
enum { GROUP = 2 };
INLINE sum multiply_add(sum s, uint32_t a, words b) {
    return (vec)_mm512_dpbf16_ps((__m512)s, (__m512bh)_mm512_set1_epi32((int)a), (__m512bh)b);
}
#else
typedef ints sum;
typedef uint8_t value;
enum { GROUP = 4 };
INLINE sum multiply_add(sum s, uint32_t a, words b) {
    return (ints)_mm512_dpbusd_epi32((__m512i)s, _mm512_set1_epi32((int)a), (__m512i)b);
}
#endif

enum { PANEL = 2 * SG_LANES };

// A row's runs; `run` and `stride` in words. `skip` vectors of the panel lie between two runs': the weights of what a
// run leaves out. Where `ahead` is given, each step along a run asks for the next vectors of memory from there on: weights
// that are needed soon are there in time, and never are so many asked for at once that loads have to wait. `apart`: the runs are
// parts of one sum, each to be taken from 0.
typedef struct {
    ptrdiff_t runs, run, stride, skip;
    const words *ahead;
    int apart;
} reach;

// left and right += rows of a times a panel; each step asks for `asked` vectors. Where it `may` and the reach is apart, every run's
// sum is taken from 0 and then added to the others': what a sum loses grows with how much was added to it before. rows,
// vectors, asked and may are constants where this is inlined.
INLINE void multiply_runs(const int rows, const int vectors, const int asked, const int may, reach r, const uint32_t *a,
                          ptrdiff_t a_row, const words *panel, sum *left, sum *right) {
    const int apart = may && r.apart;
    const uint32_t *third[(SG_TILE + 2) / 3];
    const words *ahead = r.ahead;
    sum before[2 * SG_TILE];
    for (ptrdiff_t run = 0; run < r.runs; run++, a += r.stride, panel += r.skip) {
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i += 3) third[i / 3] = a + i * a_row;
#pragma clang loop unroll_count(2)
        for (ptrdiff_t k = 0; k < r.run; k++) {
            const words b0 = panel[0], b1 = vectors == 2 ? panel[1] : (words){0};
            panel += vectors;
            if (asked > 0) __builtin_prefetch(ahead, 0, 2);
            if (asked > 1) __builtin_prefetch(ahead + 1, 0, 2);
            ahead += asked;
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                const uint32_t x = third[i / 3][(i % 3) * a_row];
                left[i] = multiply_add(left[i], x, b0);
                if (vectors == 2) right[i] = multiply_add(right[i], x, b1);
                if (i % 3 == 2 || i == rows - 1) third[i / 3]++;
            }
        }
        if (!apart || run == r.runs - 1) continue;
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            before[2 * i] = run == 0 ? left[i] : before[2 * i] + left[i];
            if (vectors == 2) before[2 * i + 1] = run == 0 ? right[i] : before[2 * i + 1] + right[i];
            left[i] = right[i] = (sum){0};
        }
        // These wait in memory: the next run's need every register.
        __asm__ volatile("" : : "r"(before) : "memory");
    }
    if (!apart) return;
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        left[i] += before[2 * i];
        if (vectors == 2) right[i] += before[2 * i + 1];
    }
}

INLINE void multiply(const int rows, const int vectors, const int asked, reach r, const uint32_t *a, ptrdiff_t a_row,
                     const words *panel, sum *left, sum *right) {
    multiply_runs(rows, vectors, asked, 0, r, a, a_row, panel, left, right);
}

// Whether runs are summed apart where it costs little for what it saves: in Float32, of what is added to the stream or
// goes through memory. A run's end is a branch that is seldom foreseen.
enum { APART = SG_KIND == 0 };

// A long run as two halves or four quarters, by its length alone.
INLINE reach parted(reach r) {
    if (APART && r.runs == 1 && r.run >= 192 && r.run % 4 == 0) {
        r.runs = r.run >= 384 ? 4 : 2;
        r.run /= r.runs;
        r.stride = r.run;
        r.apart = 1;
    }
    return r;
}

// sums[row * sums_row], and the vector after it, = rows of a times a panel.
INLINE void tile(const int rows, const int vectors, const int asked, reach r, const uint32_t *a, ptrdiff_t a_row, const words *panel,
                 sum *sums, ptrdiff_t sums_row) {
    sum left[SG_TILE], right[SG_TILE];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) left[i] = right[i] = (sum){0};
    multiply_runs(rows, vectors, asked, APART, r, a, a_row, panel, left, right);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        sums[i * sums_row] = left[i];
        if (vectors == 2) sums[i * sums_row + 1] = right[i];
    }
}

#define CASE(R, V)                                                      \
    case R:                                                             \
        if (r.ahead)                                                    \
            tile(R, V, 1, r, a, a_row, panel, sums, sums_row);          \
        else                                                            \
            tile(R, V, 0, r, a, a_row, panel, sums, sums_row);          \
        break;
#if SG_TILE == 12
#define CASES(V)                                                                                      \
    CASE(1, V) CASE(2, V) CASE(3, V) CASE(4, V) CASE(5, V) CASE(6, V) CASE(7, V) CASE(8, V) CASE(9, V) \
    CASE(10, V) CASE(11, V) CASE(12, V)
#elif SG_TILE == 6
#define CASES(V) CASE(1, V) CASE(2, V) CASE(3, V) CASE(4, V) CASE(5, V) CASE(6, V)
#else
#define CASES(V) CASE(1, V) CASE(2, V) CASE(3, V) CASE(4, V)
#endif

// A reach goes by address to what is not inlined: copied whole, it would wait for the fields just written.
static __attribute__((noinline)) void tile_sums(int rows, int vectors, const reach *how, const uint32_t *a, ptrdiff_t a_row,
                                                const words *panel, sum *sums, ptrdiff_t sums_row) {
    const reach r = *how;
    if (vectors == 2)
        switch (rows) { CASES(2) }
    else
        switch (rows) { CASES(1) }
}

// How many rows the next of the tiles that share `rows` evenly takes: 50 rows are five tiles of 10, not four of 12
// and one of 2.
INLINE int tile_rows(ptrdiff_t rows) {
    const ptrdiff_t tiles = (rows + SG_TILE - 1) / SG_TILE;
    return (int)((rows + tiles - 1) / tiles);
}

// MARK: What becomes of the sums

// What all rows of a panel have in common.
typedef struct {
    vec bias;
#if SG_KIND == 2
    vec scale, offset;
#endif
} column_terms;

INLINE column_terms terms(const sg_packed *w, ptrdiff_t column) {
    return (column_terms){
        .bias = load(w->bias + column),
#if SG_KIND == 2
        .scale = load(w->scale + column),
        .offset = load(w->offset + column),
#endif
    };
}

// What is added to a row's values, if anything: those of another map or of a table.
typedef struct {
    const void *x;
    int kind;
    ptrdiff_t row;
} addition;

// activation, kind, the addend's presence and whether the sum began with the bias are constants where this is inlined.
INLINE void finish_one(const int activation, const int kind, const int adds, const int biased, sum s, column_terms w,
                       const sg_linear *t, ptrdiff_t row, addition add, ptrdiff_t add_at, void *c, ptrdiff_t at) {
#if SG_KIND == 2
    (void)biased;
    row *= t->scale_row;
    const vec x0 = FMA(all(t->a_zero[row]), w.offset, w.bias);
    vec x = FMA(__builtin_convertvector(s, vec), t->a_scale[row] * w.scale, x0);
#else
    vec x = biased ? s : s + w.bias;
    (void)t, (void)row;
#endif
    if (activation == SG_ACTIVATION_GELU) x = gelu(x);
    // In this order what is no number stays none.
    if (activation == SG_ACTIVATION_RELU) x = larger((vec){0}, x);
    if (adds) x += load_as(add.kind, add.x, add_at);
    if (activation == SG_ACTIVATION_ADD_RELU) x = larger((vec){0}, x);
    store_as(kind, c, at, x);
}

INLINE void finish_as(const int activation, const int kind, const int vectors, const int adds, const sum *sums,
                      int rows, const sg_linear *t, ptrdiff_t column, ptrdiff_t row, addition add, void *c) {
    const column_terms left = terms(t->w, column), right = terms(t->w, column + (vectors == 2 ? SG_LANES : 0));
    ptrdiff_t at = column, add_at = column;
    for (int i = 0; i < rows; i++, sums += 2, at += t->c_row, add_at += add.row) {
        finish_one(activation, kind, adds, 0, sums[0], left, t, row + i, add, add_at, c, at);
        if (vectors == 2)
            finish_one(activation, kind, adds, 0, sums[1], right, t, row + i, add, add_at + SG_LANES, c, at + SG_LANES);
    }
}

#define FINISH(ACTIVATION, KIND, VECTORS)                                                       \
    case 4 * ACTIVATION + 2 * KIND + VECTORS - 1:                                               \
        if (add.x)                                                                              \
            finish_as(ACTIVATION, KIND, VECTORS, 1, sums, rows, t, column, row, add, c);        \
        else                                                                                    \
            finish_as(ACTIVATION, KIND, VECTORS, 0, sums, rows, t, column, row, add, c);        \
        break;
#define FINISH_BOTH(ACTIVATION, VECTORS) \
    FINISH(ACTIVATION, SG_KIND_F32, VECTORS) FINISH(ACTIVATION, SG_KIND_BF16, VECTORS)

static __attribute__((noinline)) void finish(const sum *sums, int rows, int vectors, const sg_linear *t,
                                             ptrdiff_t column, ptrdiff_t row, addition add, void *c) {
    switch (4 * t->activation + 2 * t->c_kind + vectors - 1) {
        FINISH_BOTH(SG_ACTIVATION_NONE, 1)
        FINISH_BOTH(SG_ACTIVATION_NONE, 2)
        FINISH_BOTH(SG_ACTIVATION_GELU, 1)
        FINISH_BOTH(SG_ACTIVATION_GELU, 2)
        FINISH_BOTH(SG_ACTIVATION_RELU, 1)
        FINISH_BOTH(SG_ACTIVATION_RELU, 2)
        FINISH_BOTH(SG_ACTIVATION_ADD_RELU, 1)
        FINISH_BOTH(SG_ACTIVATION_ADD_RELU, 2)
    }
}

// MARK: Tiles that are finished in the registers

// What the layers of a transformer make of their sums; everything else goes through memory.
enum { THROUGH_MEMORY, PLAIN_ENDING, GELU_ENDING, ADDING_ENDING };
// What such a layer leaves for the next one.
#if SG_KIND == 0 || !SG_WIDE
enum { OWN_KIND = SG_KIND_F32 };
#else
enum { OWN_KIND = SG_KIND_BF16 };
#endif

static int ending_of(const sg_linear *t) {
    const int plain = t->activation == SG_ACTIVATION_NONE;
    if (t->addend) return plain && t->c_kind == SG_KIND_F32 ? ADDING_ENDING : THROUGH_MEMORY;
    if (t->c_kind != OWN_KIND) return THROUGH_MEMORY;
    return plain ? PLAIN_ENDING : t->activation == SG_ACTIVATION_GELU ? GELU_ENDING : THROUGH_MEMORY;
}

// c of a tile of two vectors. rows, activation, kind, adds and asked are constants where this is inlined.
INLINE void whole_tile(const int rows, const int activation, const int kind, const int adds, const int asked,
                       reach r, const uint32_t *a, ptrdiff_t a_row, const words *panel, const sg_linear *t, ptrdiff_t column,
                       ptrdiff_t row, void *c) {
    sum left[SG_TILE], right[SG_TILE];
    const column_terms first_terms = terms(t->w, column), second_terms = terms(t->w, column + SG_LANES);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
#if SG_KIND == 2
        left[i] = right[i] = (sum){0};
#else
        left[i] = first_terms.bias, right[i] = second_terms.bias;
#endif
    }
    multiply_runs(rows, 2, asked, APART && adds, r, a, a_row, panel, left, right);
    const addition add = {adds ? t->addend + row * t->addend_row : NULL, SG_KIND_F32, t->addend_row};
    ptrdiff_t at = column, add_at = column;
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++, at += t->c_row, add_at += add.row) {
        finish_one(activation, kind, adds, 1, left[i], first_terms, t, row + i, add, add_at, c, at);
        finish_one(activation, kind, adds, 1, right[i], second_terms, t, row + i, add, add_at + SG_LANES, c, at + SG_LANES);
    }
}

#undef CASE
#define CASE(R, ASKED) \
    case R: whole_tile(R, activation, kind, adds, ASKED, r, a, a_row, panel, t, column, row, c); break;
// With and without asking for memory: a request for what is there already takes as long as any other.
#define WHOLE_TILE(NAME, ENDING)                                                                             \
    static __attribute__((noinline)) void NAME(int rows, const reach *how, const uint32_t *a, ptrdiff_t a_row, \
                                               const words *panel, const sg_linear *t, ptrdiff_t column,      \
                                               ptrdiff_t row, void *c) {                                      \
        const reach r = *how;                                                                                \
        const int adds = ENDING == ADDING_ENDING, kind = adds ? SG_KIND_F32 : OWN_KIND;                       \
        const int activation = ENDING == GELU_ENDING ? SG_ACTIVATION_GELU : SG_ACTIVATION_NONE;               \
        if (r.ahead)                                                                                         \
            switch (rows) { CASES(1) }                                                                       \
        else                                                                                                 \
            switch (rows) { CASES(0) }                                                                       \
    }
WHOLE_TILE(plain_tile, PLAIN_ENDING)
WHOLE_TILE(gelu_tile, GELU_ENDING)
WHOLE_TILE(adding_tile, ADDING_ENDING)

// All rows of one line times one panel.
static void panel_line(const sg_linear *t, reach r, const words *panel, ptrdiff_t column, ptrdiff_t line) {
    const ptrdiff_t word = GROUP;
    const int vectors = t->w->columns - column >= PANEL ? 2 : 1;
    const int ending = vectors == 2 ? ending_of(t) : THROUGH_MEMORY;
    if (ending == ADDING_ENDING || ending == THROUGH_MEMORY) r = parted(r);
    const value *a = (const value *)t->a + line * t->a_line;
    const size_t c_size = t->c_kind == SG_KIND_BF16 ? 2 : 4;
    // The next panel, which the first tiles ask for. After the last one comes what was packed next: the weights needed then.
    const words *ahead = panel + vectors * (t->w->depth / GROUP);
    ptrdiff_t wanted = line == 0 ? ahead - panel : 0;
    sum sums[2 * SG_TILE];
    for (ptrdiff_t i = 0; i < t->rows;) {
        const int rows = tile_rows(t->rows - i);
        const ptrdiff_t row = line * t->rows + i;
        r.ahead = wanted > 0 ? ahead : NULL;
        const uint32_t *from = (const uint32_t *)(const void *)(a + i * t->a_row);
        char *to = (char *)t->c + c_size * (size_t)(line * t->c_line + i * t->c_row);
        switch (ending) {
            case PLAIN_ENDING: plain_tile(rows, &r, from, t->a_row / word, panel, t, column, row, to); break;
            case GELU_ENDING: gelu_tile(rows, &r, from, t->a_row / word, panel, t, column, row, to); break;
            case ADDING_ENDING: adding_tile(rows, &r, from, t->a_row / word, panel, t, column, row, to); break;
            default: {
                const addition add = {t->addend ? t->addend + row * t->addend_row : NULL, SG_KIND_F32, t->addend_row};
                r.ahead = NULL;
                tile_sums(rows, vectors, &r, from, t->a_row / word, panel, sums, 2);
                finish(sums, rows, vectors, t, column, row, add, to);
            }
        }
        ahead += r.runs * r.run;
        wanted -= r.runs * r.run;
        i += rows;
    }
}

static void linear(const sg_linear *t) {
    const reach r = {.runs = t->segments, .run = t->segment / GROUP, .stride = t->segment_stride / GROUP};
    const words *panel = t->w->panels;
    for (ptrdiff_t column = 0; column < t->w->columns; column += PANEL) {
        const int vectors = t->w->columns - column >= PANEL ? 2 : 1;
        for (ptrdiff_t line = 0; line < t->lines; line++) panel_line(t, r, panel, column, line);
        panel += vectors * (t->w->depth / GROUP);
    }
}

// MARK: Packing

static void quantise_columns(const float *w, ptrdiff_t depth, ptrdiff_t columns, float *scale, float *offset) {
    for (ptrdiff_t j = 0; j < columns; j++) {
        float most = 0, sum_of = 0;
        for (ptrdiff_t k = 0; k < depth; k++) {
            const float size = __builtin_fabsf(w[k * columns + j]);
            most = size > most ? size : most;
        }
        // The inverse of a smaller one is no finite number, and such weights are nothing beside any other.
        scale[j] = most < 1e-30f ? 0 : most / 127.0f;
        const float inverse = scale[j] > 0 ? 1.0f / scale[j] : 0;
        for (ptrdiff_t k = 0; k < depth; k++) sum_of += __builtin_rintf(w[k * columns + j] * inverse);
        offset[j] = scale[j] * sum_of;
    }
}

static value packed(float w, float scale) {
#if SG_KIND == 0
    (void)scale;
    return w;
#elif SG_KIND == 1
    (void)scale;
    return narrow(all(w))[0];
#else
    return scale > 0 ? (uint8_t)(int8_t)__builtin_rintf(w * (1.0f / scale)) : 0;
#endif
}

static void pack(const float *w, ptrdiff_t depth, ptrdiff_t columns, void *panels, float *scale, float *offset) {
    if (SG_KIND == SG_KIND_U8) quantise_columns(w, depth, columns, scale, offset);
    value *to = panels;
    for (ptrdiff_t column = 0; column < columns; column += PANEL) {
        const ptrdiff_t width = columns - column < PANEL ? SG_LANES : PANEL;
        for (ptrdiff_t k = 0; k < depth; k += GROUP)
            for (ptrdiff_t j = column; j < column + width; j++)
                for (int g = 0; g < GROUP; g++)
                    *to++ = packed(w[(k + g) * columns + j], SG_KIND == SG_KIND_U8 ? scale[j] : 1);
    }
}
