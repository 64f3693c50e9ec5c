// The matrix product: b is packed into panels of SG_PANEL columns, a is read where it lies (a broadcast needs no
// packing), and a tile of SG_ROWS x SG_PANEL sums stays in registers over a block of k.
//
// Where no more columns than one vector are asked for, a tile has twice the rows: as many sums, which is what it takes to keep
// the multipliers busy.
//
// k is cut at SG_DEPTH whatever the split over threads, and each sum is taken in order of k, so an element of c
// does not depend on which tile or thread computed it.

typedef float sg_vector __attribute__((vector_size(4 * SG_LANES), aligned(4)));
enum { SG_PANEL = 2 * SG_LANES, SG_DEPTH = 256, SG_NARROW_ROWS = 2 * SG_ROWS };

#if SG_FUSED
#define SG_MULTIPLY_ADD(x, y, z) __builtin_elementwise_fma(x, y, z)
#else
#define SG_MULTIPLY_ADD(x, y, z) ((x) * (y) + (z))
#endif

// What becomes of a tile's sums.
typedef struct {
    float alpha;
    const float *bias;
    int accumulate;
} finish;

// One row's sums, value by value: for tiles over the matrix's edge.
static __attribute__((noinline)) void store(float *c, const float *sums, ptrdiff_t columns, finish how) {
    for (ptrdiff_t j = 0; j < columns; j++) {
        float value = how.alpha * sums[j];
        if (how.bias) value += how.bias[j];
        if (how.accumulate) value += c[j];
        c[j] = value;
    }
}

// rows x SG_PANEL sums of depth products each, or the panel's left half alone where the rest is past the matrix.
// rows and whole are constants where this is inlined.
static inline __attribute__((always_inline)) void tile(
    const int rows, const int whole, ptrdiff_t depth, const float *a, ptrdiff_t a_row, ptrdiff_t a_column,
    const float *panel, ptrdiff_t panel_row, float *c, ptrdiff_t c_row, ptrdiff_t columns, finish how) {
    sg_vector left[SG_NARROW_ROWS], right[SG_NARROW_ROWS];
    const float *third[(SG_NARROW_ROWS + 2) / 3];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        left[i] = right[i] = (sg_vector){0};
        if (i % 3 == 0) third[i / 3] = a + i * a_row;
    }
    for (ptrdiff_t k = 0; k < depth; k++) {
        const sg_vector b0 = *(const sg_vector *)panel, b1 = whole ? *(const sg_vector *)(panel + SG_LANES) : b0;
        panel += whole ? SG_PANEL : panel_row;
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            const float value = third[i / 3][(i % 3) * a_row];
            const sg_vector x = value - (sg_vector){0};
            left[i] = SG_MULTIPLY_ADD(x, b0, left[i]);
            if (whole) right[i] = SG_MULTIPLY_ADD(x, b1, right[i]);
            if (i % 3 == 2 || i == rows - 1) third[i / 3] += a_column;
        }
    }
    if (!whole || columns < SG_PANEL) {
        if (columns == SG_LANES) {
            // As wide as attention's heads often are.
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                sg_vector *out = (sg_vector *)(c + i * c_row);
                left[i] = how.alpha * left[i];
                if (how.bias) left[i] += *(const sg_vector *)how.bias;
                *out = how.accumulate ? left[i] + *out : left[i];
            }
            return;
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            const sg_vector sums[2] = {left[i], right[i]};
            store(c + i * c_row, (const float *)sums, columns, how);
        }
        return;
    }
    sg_vector bias0 = {0}, bias1 = {0};
    if (how.bias) {
        bias0 = *(const sg_vector *)how.bias;
        bias1 = *(const sg_vector *)(how.bias + SG_LANES);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++, c += c_row) {
        sg_vector *out0 = (sg_vector *)c, *out1 = (sg_vector *)(c + SG_LANES);
        left[i] = how.alpha * left[i] + bias0;
        right[i] = how.alpha * right[i] + bias1;
        *out0 = how.accumulate ? left[i] + *out0 : left[i];
        *out1 = how.accumulate ? right[i] + *out1 : right[i];
    }
}

#define SG_CASE(R, WHOLE) \
    case R: tile(R, WHOLE, depth, a, a_row, a_column, panel, panel_row, c, c_row, columns, how); break;
#define SG_CASES_TO_4(WHOLE) SG_CASE(1, WHOLE) SG_CASE(2, WHOLE) SG_CASE(3, WHOLE) SG_CASE(4, WHOLE)
#define SG_CASES_TO_6(WHOLE) SG_CASES_TO_4(WHOLE) SG_CASE(5, WHOLE) SG_CASE(6, WHOLE)
#define SG_CASES_TO_8(WHOLE) SG_CASES_TO_6(WHOLE) SG_CASE(7, WHOLE) SG_CASE(8, WHOLE)
#define SG_CASES_TO_12(WHOLE) \
    SG_CASES_TO_8(WHOLE) SG_CASE(9, WHOLE) SG_CASE(10, WHOLE) SG_CASE(11, WHOLE) SG_CASE(12, WHOLE)
#define SG_CASES_TO_24(WHOLE)                                                                                   \
    SG_CASES_TO_12(WHOLE) SG_CASE(13, WHOLE) SG_CASE(14, WHOLE) SG_CASE(15, WHOLE) SG_CASE(16, WHOLE)            \
    SG_CASE(17, WHOLE) SG_CASE(18, WHOLE) SG_CASE(19, WHOLE) SG_CASE(20, WHOLE) SG_CASE(21, WHOLE)               \
    SG_CASE(22, WHOLE) SG_CASE(23, WHOLE) SG_CASE(24, WHOLE)
#if SG_ROWS == 12
#define SG_WHOLE_CASES SG_CASES_TO_12(1)
#define SG_NARROW_CASES SG_CASES_TO_24(0)
#elif SG_ROWS == 6
#define SG_WHOLE_CASES SG_CASES_TO_6(1)
#define SG_NARROW_CASES SG_CASES_TO_12(0)
#else
#define SG_WHOLE_CASES SG_CASES_TO_4(1)
#define SG_NARROW_CASES SG_CASES_TO_8(0)
#endif

static __attribute__((noinline)) void whole_tile(int rows, ptrdiff_t depth, const float *a, ptrdiff_t a_row,
                                                 ptrdiff_t a_column, const float *panel, ptrdiff_t panel_row, float *c,
                                                 ptrdiff_t c_row, ptrdiff_t columns, finish how) {
    switch (rows) { SG_WHOLE_CASES }
}

static __attribute__((noinline)) void half_tile(int rows, ptrdiff_t depth, const float *a, ptrdiff_t a_row,
                                                ptrdiff_t a_column, const float *panel, ptrdiff_t panel_row, float *c,
                                                ptrdiff_t c_row, ptrdiff_t columns, finish how) {
    switch (rows) { SG_NARROW_CASES }
}

typedef float sg_four __attribute__((vector_size(16), aligned(4)));

// Four columns of four contiguous values each, turned into four rows of the panel.
static inline __attribute__((always_inline)) void turn(const float *b, ptrdiff_t b_column, float *panel) {
    const sg_four a0 = *(const sg_four *)b, a1 = *(const sg_four *)(b + b_column);
    const sg_four a2 = *(const sg_four *)(b + 2 * b_column), a3 = *(const sg_four *)(b + 3 * b_column);
    const sg_four low01 = __builtin_shufflevector(a0, a1, 0, 4, 1, 5);
    const sg_four high01 = __builtin_shufflevector(a0, a1, 2, 6, 3, 7);
    const sg_four low23 = __builtin_shufflevector(a2, a3, 0, 4, 1, 5);
    const sg_four high23 = __builtin_shufflevector(a2, a3, 2, 6, 3, 7);
    *(sg_four *)panel = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
    *(sg_four *)(panel + SG_PANEL) = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
    *(sg_four *)(panel + 2 * SG_PANEL) = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
    *(sg_four *)(panel + 3 * SG_PANEL) = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
}

// panel (depth, SG_PANEL) = columns of b from its rows; columns past the matrix are 0.
static void pack(const float *b, ptrdiff_t b_row, ptrdiff_t b_column, float *panel, ptrdiff_t depth,
                 ptrdiff_t columns) {
    if (columns < SG_PANEL) memset(panel, 0, sizeof(float) * (size_t)(depth * SG_PANEL));
    if (b_column == 1 && columns == SG_PANEL) {
        for (ptrdiff_t k = 0; k < depth; k++) memcpy(panel + k * SG_PANEL, b + k * b_row, sizeof(float) * SG_PANEL);
        return;
    }
    if (b_column == 1) {
        for (ptrdiff_t k = 0; k < depth; k++) {
            ptrdiff_t j = 0;
            for (; j + SG_LANES <= columns; j += SG_LANES)
                *(sg_vector *)(panel + k * SG_PANEL + j) = *(const sg_vector *)(b + k * b_row + j);
            for (; j < columns; j++) panel[k * SG_PANEL + j] = b[k * b_row + j];
        }
        return;
    }
    // A block of k at a time keeps the panel's lines in the first cache while it is filled column by column.
    for (ptrdiff_t k0 = 0; k0 < depth; k0 += 16) {
        const ptrdiff_t k1 = k0 + 16 < depth ? k0 + 16 : depth;
        ptrdiff_t j = 0;
        if (b_row == 1 && k1 == k0 + 16)
            for (; j + 4 <= columns; j += 4)
                for (ptrdiff_t k = k0; k < k1; k += 4) turn(b + k + j * b_column, b_column, panel + k * SG_PANEL + j);
        for (; j < columns; j++)
            for (ptrdiff_t k = k0; k < k1; k++) panel[k * SG_PANEL + j] = b[k * b_row + j * b_column];
    }
}

static ptrdiff_t least(ptrdiff_t x, ptrdiff_t y) { return x < y ? x : y; }

static void gemm_block(const sg_gemm *g, sg_block block, float *scratch) {
    const ptrdiff_t width = block.n1 - block.n0, height = width > SG_LANES ? SG_ROWS : SG_NARROW_ROWS;
    // A single vector of columns that lies as a panel would is read where it is.
    const int in_place = width == SG_LANES && g->b_column == 1;
    const ptrdiff_t panel_row = in_place ? g->b_row : SG_PANEL;
    for (ptrdiff_t k0 = 0; k0 == 0 || k0 < g->k; k0 += SG_DEPTH) {
        const ptrdiff_t depth = least(SG_DEPTH, g->k - k0);
        for (ptrdiff_t j = block.n0; j < block.n1 && !in_place; j += SG_PANEL)
            pack(g->b + k0 * g->b_row + j * g->b_column, g->b_row, g->b_column, scratch + (j - block.n0) * depth,
                 depth, least(SG_PANEL, block.n1 - j));
        for (ptrdiff_t i = block.m0; i < block.m1; i += height) {
            const int rows = (int)least(height, block.m1 - i);
            for (ptrdiff_t j = block.n0; j < block.n1; j += SG_PANEL) {
                const finish how = {g->alpha, g->bias && k0 == 0 ? g->bias + j : NULL, g->accumulate || k0 > 0};
                const ptrdiff_t columns = least(SG_PANEL, block.n1 - j);
                const float *panel = in_place ? g->b + k0 * g->b_row + j : scratch + (j - block.n0) * depth;
                (columns > SG_LANES ? whole_tile : half_tile)(
                    rows, depth, g->a + i * g->a_row + k0 * g->a_column, g->a_row, g->a_column, panel, panel_row,
                    g->c + i * g->c_row + j, g->c_row, columns, how);
            }
        }
    }
}
