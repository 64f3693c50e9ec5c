import Tensor

/// Reads one request of the Open Inference Protocol into canonical values.
///
/// It has one input, the picture's, with its numbers in the JSON or raw behind it. What another held would go unscored. Members come in
/// any order; where the numbers are the last, as clients send them, they are read in the same pass as everything else.
struct OpenInferenceReader {
    typealias Scanner = JSONScanner<DecodeError>

    let format: QueryFormat
    let forms: [[Int]]
    var rows: CanonicalRows
    var tensor = OpenInferenceTensor()

    /// A reader for one request in `format`.
    init(format: QueryFormat, order: WireOrder) {
        self.format = format
        forms = order.forms(layout: format.layout, shape: format.shape)
        rows = CanonicalRows(format: format, order: order)
    }

    /// The batch in `body`, whose first `jsonBytes` are JSON.
    mutating func read(_ body: [UInt8], jsonBytes: Int) throws(DecodeError) -> QueryBatch {
        guard jsonBytes > 0 && jsonBytes <= body.count || jsonBytes == body.count else {
            throw .jsonLength(found: jsonBytes, bodyBytes: body.count)
        }
        try Scanner.scan(body, count: jsonBytes) { scanner throws(DecodeError) in try readBody(&scanner) }
        let rawBytes = tensor.rawBytes ?? 0
        guard body.count - jsonBytes == rawBytes else {
            throw .bodyLength(found: body.count, jsonBytes: jsonBytes, rawBytes: rawBytes)
        }
        if rawBytes > 0 {
            try body.withUnsafeBufferPointer { bytes throws(DecodeError) in
                try readRaw(UnsafeRawBufferPointer(bytes), from: jsonBytes)
            }
        }
        return QueryBatch(shape: format.shape, values: rows.values)
    }

    private mutating func readBody(_ scanner: inout Scanner) throws(DecodeError) {
        guard scanner.take(UInt8(ascii: "{")) else {
            let offset = scanner.position
            try scanner.skipValue()
            throw .notAnObject(offset: offset)
        }
        var object = Scanner.ObjectState()
        var hasInput = false
        while let key = try scanner.nextKey(&object) {
            switch key {
            case Self.inputs: hasInput = try readInputs(&scanner)
            case Self.outputs: try checkOutputs(&scanner)
            default: try scanner.skipValue(depth: 1)
            }
        }
        try scanner.finish()
        guard hasInput else { throw .noInputs }
    }

    private static let inputs = Array("inputs".utf8)
    private static let outputs = Array("outputs".utf8)
    private static let name = Array("name".utf8)
    private static let shape = Array("shape".utf8)
    private static let datatype = Array("datatype".utf8)
    private static let parameters = Array("parameters".utf8)
    private static let data = Array("data".utf8)
    private static let binaryDataSize = Array("binary_data_size".utf8)
    private static let classification = Array("classification".utf8)
    private static let sharedMemory = Array("shared_memory".utf8)

    // MARK: Inputs and outputs

    /// Returns whether there is an input.
    private mutating func readInputs(_ scanner: inout Scanner) throws(DecodeError) -> Bool {
        guard scanner.take(UInt8(ascii: "[")) else {
            throw wrong(&scanner, "inputs", expected: "a list of input tensors")
        }
        var isFirst = true
        var hasInput = false
        while try scanner.nextElement(isFirst: &isFirst) {
            guard !hasInput else { throw .tooManyInputs(offset: scanner.position) }
            hasInput = true
            try readInput(&scanner)
        }
        return hasInput
    }

    private mutating func readInput(_ scanner: inout Scanner) throws(DecodeError) {
        guard scanner.take(UInt8(ascii: "{")) else {
            throw wrong(&scanner, "inputs", expected: "a list of input tensors")
        }
        var object = Scanner.ObjectState()
        while let key = try scanner.nextKey(&object) {
            switch key {
            case Self.name: try readName(&scanner)
            case Self.shape: tensor.shape = try readShape(&scanner)
            case Self.datatype: tensor.datatype = try readDatatype(&scanner)
            case Self.parameters: try readParameters(&scanner, ofInput: true)
            case Self.data: try meetData(&scanner)
            default: try scanner.skipValue(depth: 3)
            }
        }
        try completeInput(scanner)
    }

    private mutating func checkOutputs(_ scanner: inout Scanner) throws(DecodeError) {
        guard scanner.take(UInt8(ascii: "[")) else {
            throw wrong(&scanner, "outputs", expected: "a list of objects")
        }
        var isFirst = true
        while try scanner.nextElement(isFirst: &isFirst) {
            guard scanner.take(UInt8(ascii: "{")) else {
                throw wrong(&scanner, "outputs", expected: "a list of objects")
            }
            var object = Scanner.ObjectState()
            while let key = try scanner.nextKey(&object) {
                guard key == Self.parameters else {
                    try scanner.skipValue(depth: 3)
                    continue
                }
                try readParameters(&scanner, ofInput: false)
            }
        }
    }

    /// What is left when the input has ended: what it lacks, and numbers that stood before their shape or type.
    private mutating func completeInput(_ scanner: Scanner) throws(DecodeError) {
        let end = scanner.position
        guard tensor.isNamed else { throw .missingMember(name: "name", offset: end) }
        guard let shape = tensor.shape else { throw .missingMember(name: "shape", offset: end) }
        guard let datatype = tensor.datatype else { throw .missingMember(name: "datatype", offset: end) }
        switch (tensor.data, tensor.rawBytes) {
        case (.none, nil): throw .noData(offset: end)
        case (.none, let found?):
            let expected = shape.rows * format.shape.count * datatype.byteCount
            guard found == expected else { throw .rawSize(found: found, expected: expected, offset: end) }
        case (.waiting(let start), nil):
            var back = scanner
            back.position = start
            try readData(&back, shape, datatype)
        case (.read, nil): break
        case (_, .some): throw .bothData(offset: end)
        }
    }

    // MARK: Members

    private mutating func readName(_ scanner: inout Scanner) throws(DecodeError) {
        let offset = scanner.position
        guard scanner.peek() == UInt8(ascii: "\"") else {
            throw wrong(&scanner, "name", expected: "a string")
        }
        let name = try scanner.key()
        if let expected = format.inputName, Array(expected.utf8) != name {
            throw .unexpectedInput(
                name: String(decoding: name, as: UTF8.self), expected: expected, offset: offset)
        }
        tensor.isNamed = true
    }

    private func readShape(_ scanner: inout Scanner) throws(DecodeError) -> OpenInferenceTensor.Shape {
        let most = OpenInferenceTensor.Shape.sizesMax
        let expected = "a list of 1 to \(most) whole numbers"
        let offset = scanner.position
        guard scanner.take(UInt8(ascii: "[")) else { throw wrong(&scanner, "shape", expected: expected) }
        var sizes: [Int] = []
        var isFirst = true
        while try scanner.nextElement(isFirst: &isFirst) {
            let place = scanner.position
            guard sizes.count < most, let size = try readWhole(&scanner) else {
                scanner.position = place
                throw wrong(&scanner, "shape", expected: expected)
            }
            sizes.append(size)
        }
        guard !sizes.isEmpty else {
            throw .wrongMember(name: "shape", expected: expected, offset: offset)
        }
        guard let shape = OpenInferenceTensor.Shape(sizes, forms: forms) else {
            throw .otherTensorShape(
                found: "\(sizes)", expected: forms.map { "\($0)" }.joined(separator: " or "), offset: offset)
        }
        guard shape.rows > 0 else { throw .noRows }
        guard shape.rows <= format.rowsMax else {
            throw .tooManyRows(most: format.rowsMax, offset: offset)
        }
        return shape
    }

    private func readDatatype(_ scanner: inout Scanner) throws(DecodeError) -> TensorDatatype {
        let offset = scanner.position
        guard scanner.peek() == UInt8(ascii: "\"") else {
            throw wrong(&scanner, "datatype", expected: "a string")
        }
        let name = String(decoding: try scanner.key(), as: UTF8.self)
        guard let datatype = TensorDatatype(rawValue: name) else {
            throw .unknownDatatype(name: name, offset: offset)
        }
        if let expected = format.datatype, expected != datatype {
            throw .otherDatatype(found: datatype, expected: expected, offset: offset)
        }
        return datatype
    }

    private mutating func readParameters(
        _ scanner: inout Scanner, ofInput isInput: Bool
    ) throws(DecodeError) {
        guard scanner.take(UInt8(ascii: "{")) else {
            throw wrong(&scanner, "parameters", expected: "an object")
        }
        var object = Scanner.ObjectState()
        while let key = try scanner.nextKey(&object) {
            let offset = scanner.position
            if key.starts(with: Self.sharedMemory) {
                throw .sharedMemory(parameter: String(decoding: key, as: UTF8.self), offset: offset)
            }
            if !isInput, key == Self.classification { throw .classification(offset: offset) }
            guard isInput, key == Self.binaryDataSize else {
                try scanner.skipValue(depth: 4)
                continue
            }
            guard let size = try readWhole(&scanner) else {
                scanner.position = offset
                throw wrong(&scanner, "binary_data_size", expected: "a whole number")
            }
            tensor.rawBytes = size
        }
    }

    /// A whole number that is not negative; nil for everything else. Throws: where it is no number of JSON.
    private func readWhole(_ scanner: inout Scanner) throws(DecodeError) -> Int? {
        guard scanner.kindOfValue == .number,
            case .of(let magnitude, let isNegative) = try scanner.whole(), !isNegative || magnitude == 0
        else { return nil }
        return Int(exactly: magnitude)
    }

    private mutating func meetData(_ scanner: inout Scanner) throws(DecodeError) {
        guard let shape = tensor.shape, let datatype = tensor.datatype else {
            tensor.data = .waiting(at: scanner.position)
            return try scanner.skipValue(depth: 3)
        }
        tensor.data = .read
        try readData(&scanner, shape, datatype)
    }

    /// The error for a member that is something else, or no JSON at all.
    func wrong(_ scanner: inout Scanner, _ name: String, expected: String) -> DecodeError {
        let offset = scanner.position
        do throws(DecodeError) { try scanner.skipValue() } catch { return error }
        return .wrongMember(name: name, expected: expected, offset: offset)
    }
}
