import CKernels

extension Kernels {
    /// y = (x − mean) / √(variance + ε) · gamma + beta by row; keeps mean and 1/√(…) per row where wanted.
    package static func layerNorm(
        _ x: Values, gamma: Values, beta: Values, into y: Room, mean: Room?, rstd: Room?, _ rows: Int,
        _ columns: Int, epsilon: Float
    ) {
        sg_layernorm(x, gamma, beta, y, mean, rstd, rows, columns, epsilon)
    }

    /// dx [+]= the gradient by x; dgamma and dbeta += theirs, rows in order.
    package static func layerNormBackward(
        _ x: Values, gamma: Values, mean: Values, rstd: Values, _ dy: Values, into dx: Room, dgamma: Room,
        dbeta: Room, _ rows: Int, _ columns: Int, accumulate: Bool
    ) {
        sg_layernorm_backward(
            x, gamma, mean, rstd, dy, dx, dgamma, dbeta, rows, columns, accumulate ? 1 : 0)
    }

    /// y [+]= x · scale + shift, scale and shift by column.
    package static func scaleShift(
        _ x: Values, scale: Values, shift: Values, into y: Room, _ rows: Int, _ columns: Int,
        accumulate: Bool = false
    ) {
        sg_scale_shift(x, scale, shift, y, rows, columns, accumulate ? 1 : 0)
    }

    /// sum += x − shift and squares += (x − shift)², by column, rows in order.
    package static func moments(
        _ x: Values, shift: Values, sum: Room, squares: Room, _ rows: Int, _ columns: Int
    ) {
        sg_moments(x, shift, sum, squares, rows, columns)
    }

    /// products += x · y, by column, rows in order.
    package static func sumProducts(
        _ x: Values, _ y: Values, into products: Room, _ rows: Int, _ columns: Int
    ) {
        sg_sum_products(x, y, products, rows, columns)
    }
}

extension Kernels {
    /// One AdamW update of `count` values.
    package static func adamW(
        _ w: Room, _ gradient: Values, _ m: Room, _ v: Room, _ count: Int, rate: Float, beta1: Float,
        beta2: Float,
        epsilon: Float, decay: Float, correction1: Float, correction2: Float
    ) {
        var how = sg_adamw(
            rate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon, decay: decay, correction1: correction1,
            correction2: correction2)
        sg_adamw_update(w, gradient, m, v, count, &how)
    }

    /// One SGD update of `count` values; `first` makes the buffer the gradient, as PyTorch does.
    package static func sgd(
        _ w: Room, _ gradient: Values, _ buffer: Room, _ count: Int, rate: Float, momentum: Float,
        decay: Float,
        first: Bool
    ) {
        var how = sg_sgd(rate: rate, momentum: momentum, decay: decay, first: first ? 1 : 0)
        sg_sgd_update(w, gradient, buffer, count, &how)
    }
}
