/// Float32 values in row-major order with a shape: what batches, weights and files are handed over as.
///
/// A value type: copies share storage until one is written. Passes through a network do not use it inside;
/// they work on a ``Workspace``.
package struct Tensor: Equatable, Sendable {
    /// The extent of each dimension, outermost first; empty for a scalar.
    package private(set) var shape: [Int]
    private var storage: [Float]

    /// The values, the last dimension contiguous; always as many as the shape's product. Changed in place.
    package var values: [Float] {
        get { storage }
        _modify {
            // Not `didSet`, whose old value would make every change copy the array.
            let count = storage.count
            yield &storage
            precondition(storage.count == count, "a tensor keeps its number of values")
        }
    }

    /// A tensor of the given values. Traps when their number is not the shape's product.
    package init(shape: [Int], values: [Float]) {
        precondition(shape.allSatisfy { $0 >= 0 } && shape.reduce(1, *) == values.count)
        self.shape = shape
        storage = values
    }

    /// A tensor with the same value everywhere.
    package init(shape: [Int], repeating value: Float = 0) {
        self.init(shape: shape, values: [Float](repeating: value, count: shape.reduce(1, *)))
    }

    /// The number of values.
    package var count: Int { values.count }

    /// The extent of the outermost dimension: the batch size of a batch; 1 for a scalar.
    package var rows: Int { shape.first ?? 1 }

    /// The number of values of one outermost row.
    package var rowCount: Int { shape.dropFirst().reduce(1, *) }

    /// The values of one outermost row, shared, not copied.
    package func row(_ index: Int) -> ArraySlice<Float> {
        values[index * rowCount..<(index + 1) * rowCount]
    }

    /// The same values under another shape. Traps when the products differ.
    package func reshaped(_ shape: [Int]) -> Tensor { Tensor(shape: shape, values: values) }

    /// The outermost rows of the range, copied.
    package func rows(_ range: Range<Int>) -> Tensor {
        Tensor(
            shape: [range.count] + shape.dropFirst(),
            values: Array(values[range.lowerBound * rowCount..<range.upperBound * rowCount]))
    }

    /// The outermost rows at the indices, in their order: how a shuffled batch is put together.
    package func gathering(rows indices: some Collection<Int>) -> Tensor {
        var gathered: [Float] = []
        gathered.reserveCapacity(indices.count * rowCount)
        for index in indices { gathered += row(index) }
        return Tensor(shape: [indices.count] + shape.dropFirst(), values: gathered)
    }
}
