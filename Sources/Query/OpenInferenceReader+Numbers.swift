extension OpenInferenceReader {
    // MARK: In the JSON

    /// The numbers at the scanner: one flat list, or lists as `shape` nests them.
    mutating func readData(
        _ scanner: inout Scanner, _ shape: OpenInferenceTensor.Shape, _ datatype: TensorDatatype
    ) throws(DecodeError) {
        let start = scanner.position
        var ahead = scanner
        guard ahead.take(UInt8(ascii: "[")) else {
            throw wrong(&scanner, "data", expected: "a list of numbers")
        }
        let isNested = shape.sizes.count > 1 && ahead.peek() == UInt8(ascii: "[")
        // A shape alone makes no room: numbers with commas between them take two bytes each at the least.
        if shape.rows <= (scanner.end - start) / (2 * format.shape.count) + 1 {
            rows.reserve(rows: shape.rows)
        }
        let reader = PictureReader(form: isNested ? shape.picture : [format.shape.count], datatype: datatype)
        let hasList = !isNested || shape.hasRows
        if hasList { scanner = ahead }
        for row in 0..<shape.rows {
            if row > 0, !scanner.take(UInt8(ascii: ",")) {
                throw mismatch(scanner, shape, from: start, at: scanner.position)
            }
            scanner.skipSpace()
            let place = scanner.position
            let outcome = try readRow(&scanner, reader, isNested: isNested)
            switch outcome {
            case .complete: if rows.keep() != nil { throw .notFinite(row: row, offset: place) }
            case .otherShape(let offset): throw mismatch(scanner, shape, from: start, at: offset)
            case .notFinite(let offset): throw .notFinite(row: row, offset: offset)
            case .notANumber(let offset): throw fault(scanner, row: row, at: offset)
            case .notOfDatatype(let offset):
                throw .notOfDatatype(row: row, datatype: datatype, offset: offset)
            }
        }
        if hasList, !scanner.take(UInt8(ascii: "]")) {
            throw mismatch(scanner, shape, from: start, at: scanner.position)
        }
    }

    private mutating func readRow(
        _ scanner: inout Scanner, _ reader: PictureReader, isNested: Bool
    ) throws(DecodeError) -> PictureReader.Outcome {
        try rows.picture.withUnsafeMutableBufferPointer { buffer throws(DecodeError) in
            if isNested { return try reader.read(&scanner, into: buffer) }
            var next = 0
            return try reader.readNumbers(buffer.count, &scanner, into: buffer, next: &next) ?? .complete
        }
    }

    /// Something else where a number belongs: an object, text, a word, or no JSON.
    private func fault(_ scanner: Scanner, row: Int, at offset: Int) -> DecodeError {
        var scanner = scanner
        scanner.position = offset
        guard let found = scanner.kindOfValue else { return scanner.unexpected }
        do throws(DecodeError) { try scanner.skipValue() } catch { return error }
        return .notANumber(row: row, found: found.rawValue, offset: offset)
    }

    /// The error for lists that are not as the shape says, which are measured only now that it matters.
    private func mismatch(
        _ scanner: Scanner, _ shape: OpenInferenceTensor.Shape, from start: Int, at offset: Int
    ) -> DecodeError {
        var probe = scanner
        probe.position = start
        do throws(DecodeError) {
            let found = try ShapeProbe.measure(&probe)
            var expected = "[\(shape.rows * format.shape.count)]"
            if shape.sizes.count > 1 { expected += " or " + shape.sizes.map { "[\($0)]" }.joined() }
            return .dataMismatch(found: found.description, expected: expected, offset: offset)
        } catch {
            return error
        }
    }

    // MARK: Behind the JSON

    /// The raw numbers from the byte `start` on, of which there are as many as there should be.
    mutating func readRaw(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(DecodeError) {
        guard let shape = tensor.shape, let datatype = tensor.datatype else { return }
        let rowBytes = format.shape.count * datatype.byteCount
        rows.reserve(rows: shape.rows)
        for row in 0..<shape.rows {
            let offset = start + row * rowBytes
            let picture = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + rowBytes])
            rows.picture.withUnsafeMutableBufferPointer { RawNumbers.read(picture, as: datatype, into: $0) }
            if let index = rows.keep() {
                throw .notFinite(row: row, offset: offset + index * datatype.byteCount)
            }
        }
    }
}
