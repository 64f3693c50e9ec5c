import CKernels

/// The kernels that are not matrix products, on the calling thread; layers split their work over threads.
///
/// Pointers are to row-major Float32 values; see `CKernels.h` for the definition of each.
package enum Kernels {
    /// The instruction set in use: "plain", "avx2" or "avx512".
    package static var levelName: String { String(cString: sg_level_name(sg_level())) }

    /// The levels this processor has, the plain one first.
    static var levels: ClosedRange<Int32> { Int32(SG_PLAIN)...sg_level_best() }

    /// Runs the body with the kernels of a level on this thread, whose workspaces must not have others.
    static func withLevel<Result>(_ level: Int32, _ body: () throws -> Result) rethrows -> Result {
        let before = sg_level()
        _ = sg_level_set(level)
        defer { _ = sg_level_set(before) }
        return try body()
    }

    /// Values that a kernel reads.
    package typealias Values = UnsafePointer<Float>
    /// Where a kernel writes.
    package typealias Room = UnsafeMutablePointer<Float>

    /// y (rows, columns) = softmax of each row of scale · x; x and y may be the same.
    package static func softmax(_ x: Values, into y: Room, _ rows: Int, _ columns: Int, scale: Float = 1) {
        sg_softmax(x, y, rows, columns, scale)
    }

    /// dx = scale · p · (dp − Σ p·dp) by row; dp and dx may be the same.
    package static func softmaxBackward(
        _ p: Values, _ dp: Values, into dx: Room, _ rows: Int, _ columns: Int, scale: Float = 1
    ) {
        sg_softmax_backward(p, dp, dx, rows, columns, scale)
    }

    /// sum (columns) += the rows of x, which are `rowStride` values apart, in an order that the
    /// sizes alone decide.
    package static func sumRows(
        _ x: Values, into sum: Room, _ rows: Int, _ columns: Int, rowStride: Int? = nil
    ) {
        sg_sum_rows(x, rowStride ?? columns, sum, rows, columns)
    }

    /// y = gelu(x), exact (by the error function).
    package static func gelu(_ x: Values, into y: Room, _ count: Int) { sg_gelu(x, y, count) }

    /// dx [+]= gelu'(x) · dy.
    package static func geluBackward(_ x: Values, _ dy: Values, into dx: Room, _ count: Int, accumulate: Bool)
    {
        sg_gelu_backward(x, dy, dx, count, accumulate ? 1 : 0)
    }

    /// y = max(x, 0); x and y may be the same.
    package static func relu(_ x: Values, into y: Room, _ count: Int) { sg_relu(x, y, count) }

    /// dx = dy where y > 0, else 0; dy and dx may be the same.
    package static func reluBackward(_ y: Values, _ dy: Values, into dx: Room, _ count: Int) {
        sg_relu_backward(y, dy, dx, count, 0)
    }

    /// y = a + b; y may be either.
    package static func add(_ a: Values, _ b: Values, into y: Room, _ count: Int) { sg_add(a, b, y, count) }

    /// y [+]= factor · x.
    package static func scale(
        _ x: Values, by factor: Float, into y: Room, _ count: Int, accumulate: Bool = false
    ) {
        sg_scale(x, factor, y, count, accumulate ? 1 : 0)
    }

    /// Σ (x − y)².
    package static func squaredDistance(_ x: Values, _ y: Values, _ count: Int) -> Double {
        sg_squared_distance(x, y, count)
    }

    /// Σ x.
    package static func sum(_ x: Values, _ count: Int) -> Double { sg_sum(x, count) }

    /// y (columns, rows) [+]= x (rows, columns) transposed.
    package static func transpose(
        _ x: Values, into y: Room, _ rows: Int, _ columns: Int, accumulate: Bool = false
    ) {
        sg_transpose(x, y, rows, columns, accumulate ? 1 : 0)
    }
}
