import Query

/// How many rows a body can hold, told by its commas at the speed of memory: parsing it takes a worker.
struct BodyRows {
    /// No more rows than these can be read from it; at least 1.
    let most: Int

    /// The rows of a query in `format`. A picture of n numbers has n − 1 commas, and there is one between two pictures.
    init(of body: [UInt8], in format: QueryFormat) {
        let commas = body.withUnsafeBufferPointer { bytes in
            bytes.reduce(into: 0) { $0 &+= $1 == UInt8(ascii: ",") ? 1 : 0 }
        }
        most = min(format.rowsMax, max(1, (commas + 1) / format.shape.count))
    }
}
