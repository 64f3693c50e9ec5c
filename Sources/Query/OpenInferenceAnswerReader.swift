/// Reads one answer of the Open Inference Protocol, with its binary tensor extension.
///
/// All outputs are checked and their places kept; the values of the route's are read at the end, since an object's members
/// come in any order.
struct OpenInferenceAnswerReader {
    private typealias Scanner = JSONScanner<AnswerError>

    private let format: AnswerFormat
    private let expectedRows: Int
    private var rows: AnswerRows
    private var outputs: [OpenInferenceOutput] = []
    /// The bytes to leave out when a row changes.
    private var omissions: [Range<Int>] = []

    /// A reader for the answer to `rows` rows.
    init(format: AnswerFormat, rows: Int) {
        self.format = format
        expectedRows = rows
        self.rows = AnswerRows(format: format, expected: rows)
    }

    /// The answer in `body`, of which the first `jsonBytes` are JSON; all where nil.
    mutating func read(_ body: [UInt8], jsonBytes: Int?) throws(AnswerError) -> Answer {
        let end = jsonBytes ?? body.count
        guard jsonBytes == nil || (end >= 1 && end <= body.count) else {
            throw .jsonLength(end, bodyBytes: body.count)
        }
        let raw = try body.withUnsafeBufferPointer { buffer throws(AnswerError) -> AnswerTensor? in
            guard let base = buffer.baseAddress, end > 0 else { throw .notJSON(.endOfInput, offset: 0) }
            var scanner = Scanner(base: base, end: end)
            try readBody(&scanner)
            let output = try chosen()
            let tensors = try rawTensors(in: body, from: end)
            omissions += output.omissions
            return try readValues(of: output, &scanner, tensors[output.index], in: body)
        }
        let company = Answer.Company(rows: 0..<rows.count, bytes: omissions)
        return try rows.answer(
            WireBody(bytes: body, jsonBytes: jsonBytes), raw: raw,
            companies: omissions.isEmpty ? [] : [company])
    }

    // MARK: Structure

    private static let outputs = Array("outputs".utf8)
    /// What stays beside the outputs when a row changes.
    private static let kept: Set<[UInt8]> = Set(
        ["model_name", "model_version", "id", "outputs"].map { Array($0.utf8) })

    private mutating func readBody(_ scanner: inout Scanner) throws(AnswerError) {
        guard scanner.take(UInt8(ascii: "{")) else {
            try scanner.skipValue()
            throw .noOutputs
        }
        var object = Scanner.ObjectState()
        var members = KeptMembers(scanner)
        while let key = try scanner.nextKey(&object) {
            if key == Self.outputs { try readOutputs(&scanner) } else { try scanner.skipValue(depth: 1) }
            members.passed(scanner, isKept: Self.kept.contains(key))
        }
        omissions += members.omissions(scanner)
        try scanner.finish()
    }

    private mutating func readOutputs(_ scanner: inout Scanner) throws(AnswerError) {
        guard scanner.take(UInt8(ascii: "[")) else {
            try scanner.skipValue(depth: 1)
            throw .noOutputs
        }
        var isFirst = true
        var elements = KeptMembers(scanner)
        var names: Set<[UInt8]> = []
        while try scanner.nextElement(isFirst: &isFirst) {
            let output = try OpenInferenceOutput(&scanner, index: outputs.count)
            guard names.insert(output.name).inserted else { throw output.fault(.duplicateName) }
            outputs.append(output)
            elements.passed(scanner, isKept: isRoutes(output))
        }
        omissions += elements.omissions(scanner)
    }

    /// Whether an output is the route's; where the route names none, only one may be there.
    private func isRoutes(_ output: OpenInferenceOutput) -> Bool {
        format.outputName.map { Array($0.utf8) == output.name } ?? true
    }

    /// The route's output.
    private func chosen() throws(AnswerError) -> OpenInferenceOutput {
        guard !outputs.isEmpty else { throw .noOutputs }
        let found = outputs.filter(isRoutes)
        guard let output = found.first, found.count == 1 else {
            let names = outputs.prefix(16).map { String(decoding: $0.name, as: UTF8.self) }
            throw .outputNameNeeded(names: names)
        }
        return output
    }

    // MARK: Raw tensors

    /// The raw bytes of each output, which follow the JSON in the outputs' order; empty for those in the JSON. Those of others than
    /// the route's are to be left out when a row changes.
    private mutating func rawTensors(
        in body: [UInt8], from start: Int
    ) throws(AnswerError) -> [Range<Int>] {
        var tensors: [Range<Int>] = []
        var end = start
        for output in outputs {
            let count = output.rawBytes ?? 0
            guard count <= body.count - end else { throw .rawBytes(found: body.count - start) }
            tensors.append(end..<end + count)
            end += count
        }
        guard end == body.count else { throw .rawBytes(found: body.count - start) }
        for (output, bytes) in zip(outputs, tensors) where output.rawBytes != nil {
            try output.checkRaw(bytes, in: body)
            if !isRoutes(output), !bytes.isEmpty { omissions.append(bytes) }
        }
        return tensors
    }

    // MARK: Values

    /// Reads the rows of the route's output; `bytes` are its raw ones.
    ///
    /// - Returns: the tensor of its numbers where they are raw.
    private mutating func readValues(
        of output: OpenInferenceOutput, _ scanner: inout Scanner, _ bytes: Range<Int>, in body: [UInt8]
    ) throws(AnswerError) -> AnswerTensor? {
        let datatype = try datatype(of: output)
        let columns = try columns(of: output)
        if let data = output.data {
            scanner.position = data
            try readList(of: output, columns: columns, isText: datatype == nil, &scanner)
            return nil
        }
        guard let datatype else {
            try output.forEachRawText(bytes, in: body) { place throws(AnswerError) in
                try rows.begin()
                try rows.append(label: nil, at: place)
                try rows.end(at: place)
            }
            return nil
        }
        let tensor = AnswerTensor(datatype: datatype, start: bytes.lowerBound, count: output.count)
        try append(tensor.values(in: body), of: tensor, columns: columns)
        return tensor
    }

    /// The type of an output's numbers; nil for texts.
    private func datatype(of output: OpenInferenceOutput) throws(AnswerError) -> TensorDatatype? {
        let isText = output.datatype == OpenInferenceOutput.textDatatype
        let datatype = TensorDatatype(rawValue: output.datatype)
        guard isText || datatype != nil else { throw output.fault(.unknownDatatype(output.datatype)) }
        // Whole numbers are no probabilities, and none could be written in their place.
        guard format.kind == .labels || datatype?.isInteger == false else {
            throw output.fault(.datatypeOfOtherKind(output.datatype, kind: format.kind))
        }
        return datatype
    }

    /// How many values a row has by an output's shape, which has to be that of the query's rows.
    private mutating func columns(of output: OpenInferenceOutput) throws(AnswerError) -> Int {
        let shape = output.shape
        let isLabels = format.kind == .labels
        let fault = output.fault(.otherShape(found: shape, rows: expectedRows, kind: format.kind))
        let found: (rows: Int, columns: Int)
        switch shape.count {
        case 1: found = isLabels ? (shape[0], 1) : (1, shape[0])
        case 2: found = (shape[0], shape[1])
        default: throw fault
        }
        guard found.rows == expectedRows else {
            throw .rowCount(found: found.rows, expected: expectedRows)
        }
        if format.kind.isDistribution { try rows.check(classes: found.columns) }
        guard found.columns > 0, !isLabels || found.columns == 1 else { throw fault }
        return found.columns
    }

    /// Reads the list at the scanner, whose JSON was checked: flat, or of lists like the shape.
    private mutating func readList(
        of output: OpenInferenceOutput, columns: Int, isText: Bool, _ scanner: inout Scanner
    ) throws(AnswerError) {
        try take(UInt8(ascii: "["), of: output, &scanner)
        let isNested = output.shape.count == 2 && scanner.peek() == UInt8(ascii: "[")
        for row in 0..<expectedRows {
            if row > 0 { try take(UInt8(ascii: ","), of: output, &scanner) }
            if isNested { try take(UInt8(ascii: "["), of: output, &scanner) }
            try rows.begin()
            for column in 0..<columns {
                if column > 0 { try take(UInt8(ascii: ","), of: output, &scanner) }
                let next = scanner.peek()
                guard next != UInt8(ascii: "["), next != UInt8(ascii: "]") else {
                    throw output.fault(.otherData, at: scanner.position)
                }
                guard isText == (next == UInt8(ascii: "\"")) else {
                    throw .notARow(row: row, offset: scanner.position)
                }
                try rows.readValue(&scanner)
            }
            try rows.end(at: scanner.position)
            if isNested { try take(UInt8(ascii: "]"), of: output, &scanner) }
        }
        try take(UInt8(ascii: "]"), of: output, &scanner)
    }

    private func take(
        _ byte: UInt8, of output: OpenInferenceOutput, _ scanner: inout Scanner
    ) throws(AnswerError) {
        guard scanner.take(byte) else { throw output.fault(.otherData, at: scanner.position) }
    }

    private mutating func append(
        _ values: [Float], of tensor: AnswerTensor, columns: Int
    ) throws(AnswerError) {
        for row in 0..<expectedRows {
            try rows.begin()
            for index in row * columns..<(row + 1) * columns {
                try rows.append(values[index], at: tensor.start + index * tensor.datatype.byteCount)
            }
            try rows.end(at: tensor.start + (row + 1) * columns * tensor.datatype.byteCount)
        }
    }
}
