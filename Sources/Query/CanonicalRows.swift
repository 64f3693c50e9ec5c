/// The pictures of one request, put into canonical order and range one after the other as they are read.
struct CanonicalRows {
    /// One picture in wire order, for the reader to fill.
    var picture: [Float]
    /// How many were kept.
    private(set) var count = 0
    /// Shapes: values (count, C, H, W) row-major.
    private(set) var values: [Float] = []

    private let range: ValueRange
    private let order: WireOrder

    /// No pictures yet, of `format`.
    init(format: QueryFormat, order: WireOrder) {
        range = format.range
        self.order = order
        picture = [Float](repeating: 0, count: format.shape.count)
    }

    /// Makes room for so many rows, which the body is known to hold.
    mutating func reserve(rows: Int) { values.reserveCapacity(rows * picture.count) }

    /// Moves the picture into the batch, in canonical order and range.
    ///
    /// Returns the place in wire order of the first value that is no finite number there; nil where all are.
    mutating func keep() -> Int? {
        let start = values.count
        values.append(contentsOf: picture)
        // The largest magnitude as bits: one comparison a row instead of a test a value.
        var largest: UInt32 = 0
        values.withUnsafeMutableBufferPointer { values in
            let row = UnsafeMutableBufferPointer(rebasing: values[start...])
            for index in row.indices {
                let wire = order.isCanonical ? index : order.wireIndices[index]
                let canonical = range.canonical(picture[wire])
                largest = max(largest, canonical.magnitude.bitPattern)
                row[index] = canonical
            }
        }
        guard Float(bitPattern: largest).isFinite else {
            return picture.firstIndex { !range.canonical($0).isFinite } ?? 0
        }
        count += 1
        return nil
    }
}
