// GELU by table, where the processor looks up eight entries in registers: Phi(-u) for 0 <= u < 5.6 in segments of width 56/75
// centred on their multiples. Each holds the polynomial that agrees with the function at the segment's Chebyshev nodes,
// lowest power first, in t = (position - segment's centre) / segment's width, so |t| <= 1/2; error below 5e-8, that of rounding.
#define GELU_DEGREE 6
#define GELU_PITCH (75.0f / 56)
static const float gelu_fine[GELU_DEGREE + 1][8] = {
    {
        0.5f, 0.227632403f, 0.0676749796f, 0.0125454618f,
        0.00141018524f, 9.44811254e-05f, 3.73215198e-06f, 8.62966232e-08f,
    },
    {
        -0.297876656f, -0.225410923f, -0.0976763442f, -0.0242369417f,
        -0.00344383484f, -0.000280218577f, -1.30581202e-05f, -3.48558586e-07f,
    },
    {
        9.17037325e-18f, 0.0628344789f, 0.0544556044f, 0.0202686004f,
        0.00383996754f, 0.000390553236f, 2.18368496e-05f, 6.79781522e-07f,
    },
    {
        0.0276700612f, 0.0092701437f, -0.011159827f, -0.00904969312f,
        -0.00253508007f, -0.00033665073f, -2.30619971e-05f, -8.44744136e-07f,
    },
    {
        3.62777054e-15f, -0.0071286913f, -0.00194885489f, 0.00189971027f,
        0.00105640513f, 0.000198467809f, 1.73012322e-05f, 7.65482469e-07f,
    },
    {
        -0.00224855635f, 1.56534873e-06f, 0.0013361586f, 0.000135558061f,
        -0.000254014711f, -8.41550282e-05f, -1.02324566e-05f, -5.84354495e-07f,
    },
    {
        -1.74981388e-14f, 0.000515846652f, -0.000102230588f, -0.000173474065f,
        1.59410974e-05f, 2.35366897e-05f, 4.22686071e-06f, 3.0590698e-07f,
    },
};
