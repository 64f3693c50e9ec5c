/// A view of a matrix in memory, for products: a transpose is the same memory with its strides exchanged.
package struct Matrix {
    package let base: UnsafePointer<Float>
    package let rows: Int
    package let columns: Int
    package let rowStride: Int
    package let columnStride: Int

    /// Rows of contiguous values, `rowStride` values apart (the number of columns by default).
    package init(_ base: UnsafePointer<Float>, _ rows: Int, _ columns: Int, rowStride: Int? = nil) {
        self.init(base, rows, columns, rowStride: rowStride ?? columns, columnStride: 1)
    }

    init(_ base: UnsafePointer<Float>, _ rows: Int, _ columns: Int, rowStride: Int, columnStride: Int) {
        self.base = base
        self.rows = rows
        self.columns = columns
        self.rowStride = rowStride
        self.columnStride = columnStride
    }

    /// The transposed view.
    package var transposed: Matrix {
        Matrix(base, columns, rows, rowStride: columnStride, columnStride: rowStride)
    }
}
