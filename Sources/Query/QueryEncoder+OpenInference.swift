extension QueryEncoder {
    /// The request with its numbers in the JSON, as one flat list.
    func openInferenceBody(_ batch: QueryBatch) -> [UInt8] {
        var text = head(batch)
        text.reserveCapacity(text.count + batch.values.count * 12)
        text += ",\"data\":[".utf8
        var isFirst = true
        forEachValue(of: batch) { value in
            if !isFirst { text.append(UInt8(ascii: ",")) }
            isFirst = false
            datatype.append(nearestTo: value, asWhole: format.range.levelsAreWhole, to: &text)
        }
        text += "]}]}".utf8
        return text
    }

    /// The request with its numbers raw behind the JSON. Only for the Open Inference Protocol.
    package func binaryBody(_ batch: QueryBatch) -> WireBody {
        precondition(batch.shape == format.shape, "the batch has the format's shape")
        precondition(format.wireProtocol == .openInference, "a protocol with raw tensors")
        var bytes = head(batch)
        let size = batch.values.count * datatype.byteCount
        bytes += ",\"parameters\":{\"binary_data_size\":\(size)}}]}".utf8
        let jsonBytes = bytes.count
        bytes.reserveCapacity(jsonBytes + size)
        forEachValue(of: batch) { RawNumbers.append($0, as: datatype, to: &bytes) }
        return WireBody(bytes: bytes, jsonBytes: jsonBytes)
    }

    private var datatype: TensorDatatype { format.datatype ?? .float32 }

    /// All up to the numbers.
    private func head(_ batch: QueryBatch) -> [UInt8] {
        let sizes = [batch.rows] + WireOrder(format: format).dimensions
        let name = Self.quoted(format.inputName ?? "input")
        let shape = sizes.map(String.init).joined(separator: ",")
        return Array(
            "{\"inputs\":[{\"name\":\(name),\"shape\":[\(shape)],\"datatype\":\"\(datatype.rawValue)\"".utf8)
    }

    /// Calls `take` with each number of each row in the wire's order and range.
    private func forEachValue(of batch: QueryBatch, _ take: (Float) -> Void) {
        let order = WireOrder(format: format)
        for row in 0..<batch.rows {
            let values = batch.row(row)
            for canonical in order.canonicalIndices {
                take(format.range.wire(values[values.startIndex + canonical]))
            }
        }
    }
}
