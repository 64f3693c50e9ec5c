import Query

/// How many rows a body can hold, told by its commas at the speed of memory: parsing it takes a worker.
enum BodyRows {
    /// No more rows than these can be read from the body as a query in `format`; at least 1, and `limit` for any more.
    ///
    /// A picture of n numbers has n − 1 commas, and there is one between two pictures. No more of the body is looked at than it
    /// takes to know.
    ///
    /// - Parameter jsonBytes: how much of the body is JSON where raw tensors follow, in which a number takes as many bytes as the
    ///   format's type, or one at the least; nil where all of it is.
    static func most(
        in body: [UInt8], _ format: QueryFormat, upTo limit: Int, jsonBytes: Int? = nil
    ) -> Int {
        let text = min(max(jsonBytes ?? body.count, 0), body.count)
        let raw = (body.count - text) / (format.shape.count * (format.datatype?.byteCount ?? 1))
        guard raw < limit else { return limit }
        let enough = limit * format.shape.count - 1
        var (commas, place) = (0, 0)
        body.withUnsafeBufferPointer { bytes in
            while place < text, commas < enough {
                let end = min(text, place + pieceBytes)
                commas += count(UnsafeBufferPointer(rebasing: bytes[place..<end]))
                place = end
            }
        }
        return min(limit, max(1, raw, (commas + 1) / format.shape.count))
    }

    private static let pieceBytes = 16 << 10

    private static func count(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var commas: UInt16 = 0
        for byte in bytes { commas &+= byte == UInt8(ascii: ",") ? 1 : 0 }
        return Int(commas)
    }
}
