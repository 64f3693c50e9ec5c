// The processor's peak: as many independent sums as a tile has, over operands that stay in registers.
static double peak(ptrdiff_t rounds) {
    enum { SUMS = 2 * SG_TILE };
    sum sums[SUMS];
    // In Float32 the number 1, not its smallest: with that some processors take a hundred times as long.
    uint32_t a = SG_KIND == 0 ? 0x3f800000 : 1;
    words b = (words){0} + a;
    for (int i = 0; i < SUMS; i++) sums[i] = (sum){0};
    for (ptrdiff_t round = 0; round < rounds; round++) {
        __asm__ volatile("" : "+r"(a));
#pragma clang loop unroll(full)
        for (int repeat = 0; repeat < 4; repeat++)
#pragma clang loop unroll(full)
            for (int i = 0; i < SUMS; i++) sums[i] = multiply_add(sums[i], a, b);
    }
    // Keeps the sums from being optimised away.
    volatile float kept = 0;
    for (int i = 0; i < SUMS; i++) kept = kept + (float)sums[i][0];
    return 2.0 * 4 * SUMS * SG_LANES * GROUP * (double)rounds;
}
