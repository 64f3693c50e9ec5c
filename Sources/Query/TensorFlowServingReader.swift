/// Reads one TensorFlow Serving predict request into canonical values.
///
/// `signature_name` must be the format's. Names beside it, `instances` and `inputs` are skipped, as TensorFlow Serving skips them, but
/// checked like everything else. Two forms at once are an error there and here.
struct TensorFlowServingReader {
    private typealias Scanner = JSONScanner<DecodeError>

    private let format: QueryFormat
    private let forms: [[Int]]

    private var form = QueryEncoder.Form.rows
    private var rows: CanonicalRows
    /// The name that unnamed configuration lets the first row choose for all.
    private var inputName: String?

    /// A reader for one request in `format`.
    init(format: QueryFormat, order: WireOrder) {
        self.format = format
        forms = order.forms(layout: format.layout, shape: format.shape)
        rows = CanonicalRows(format: format, order: order)
        inputName = format.inputName
    }

    /// The batch in `body`.
    mutating func read(_ body: [UInt8]) throws(DecodeError) -> QueryBatch {
        try JSONScanner<DecodeError>.scan(body) { scanner throws(DecodeError) in try readBody(&scanner) }
        return QueryBatch(shape: format.shape, values: rows.values, form: form)
    }

    private mutating func readBody(_ scanner: inout Scanner) throws(DecodeError) {
        guard scanner.take(UInt8(ascii: "{")) else {
            // Text that is not JSON at all is told so; a list or a number is told what was expected.
            let offset = scanner.position
            try scanner.skipValue()
            throw .notAnObject(offset: offset)
        }
        var object = Scanner.ObjectState()
        var hasTensor = false
        var signature: [UInt8] = []
        while let key = try scanner.nextKey(&object) {
            let offset = scanner.position
            switch key {
            case Self.instances, Self.inputs:
                guard !hasTensor else { throw .bothForms(offset: offset) }
                hasTensor = true
                form = key == Self.instances ? .rows : .columns
                switch form {
                case .rows: try readInstances(&scanner)
                case .columns: try readInputs(&scanner)
                }
            case Self.signatureName:
                guard scanner.peek() == UInt8(ascii: "\"") else { throw .signatureNotText(offset: offset) }
                signature = try scanner.key()
            default: try scanner.skipValue(depth: 1)
            }
        }
        try scanner.finish()
        try check(signature)
        guard hasTensor else { throw .noTensor }
        guard rows.count > 0 else { throw .noRows }
    }

    /// An empty name is none to TensorFlow Serving. Bytes are compared, as there.
    private func check(_ name: [UInt8]) throws(DecodeError) {
        let asked = name.isEmpty ? Array(QueryFormat.defaultSignature.utf8) : name
        guard asked == Array(format.signature.utf8) else {
            throw .otherSignature(
                name: String(decoding: asked, as: UTF8.self), expected: format.signature)
        }
    }

    private static let instances = Array("instances".utf8)
    private static let inputs = Array("inputs".utf8)
    private static let signatureName = Array("signature_name".utf8)
    private static let base64 = Array("b64".utf8)

    // MARK: Rows and columns

    /// `[picture, …]` or `[{name: picture}, …]`.
    private mutating func readInstances(_ scanner: inout Scanner) throws(DecodeError) {
        try readList(&scanner, key: "instances") { reader, scanner throws(DecodeError) in
            guard scanner.peek() == UInt8(ascii: "{") else { return try reader.readRow(&scanner) }
            try reader.readNamed(&scanner) { reader, scanner throws(DecodeError) in
                try reader.readRow(&scanner)
            }
        }
    }

    /// `[picture, …]` or `{name: [picture, …]}`.
    private mutating func readInputs(_ scanner: inout Scanner) throws(DecodeError) {
        guard scanner.peek() == UInt8(ascii: "{") else { return try readTensor(&scanner) }
        try readNamed(&scanner) { reader, scanner throws(DecodeError) in try reader.readTensor(&scanner) }
    }

    private mutating func readTensor(_ scanner: inout Scanner) throws(DecodeError) {
        try readList(&scanner, key: "inputs") { reader, scanner throws(DecodeError) in
            try reader.readRow(&scanner)
        }
    }

    private typealias Step = (inout Self, inout Scanner) throws(DecodeError) -> Void

    private mutating func readList(_ scanner: inout Scanner, key: String, element: Step) throws(DecodeError) {
        let offset = scanner.position
        guard scanner.take(UInt8(ascii: "[")) else {
            try scanner.skipValue()
            throw .notAList(key: key, offset: offset)
        }
        var isFirst = true
        while try scanner.nextElement(isFirst: &isFirst) { try element(&self, &scanner) }
    }

    /// An object with the route's input and nothing else: what another input holds would go unscored.
    private mutating func readNamed(_ scanner: inout Scanner, value: Step) throws(DecodeError) {
        try scanner.expect(UInt8(ascii: "{"))
        var object = Scanner.ObjectState()
        var isFound = false
        while let key = try scanner.nextKey(&object) {
            let offset = scanner.position
            let name = String(decoding: key, as: UTF8.self)
            if key == Self.base64, format.inputName == nil, scanner.peek() == UInt8(ascii: "\"") {
                throw .base64(row: rows.count, offset: offset)
            }
            if inputName == nil { inputName = name }
            guard let inputName, Array(inputName.utf8) == key else {
                throw .unexpectedInput(name: name, expected: inputName, offset: offset)
            }
            isFound = true
            try value(&self, &scanner)
        }
        guard isFound else { throw .missingInput(expected: inputName, offset: scanner.position) }
    }

    // MARK: One picture

    private mutating func readRow(_ scanner: inout Scanner) throws(DecodeError) {
        guard rows.count < format.rowsMax else {
            throw .tooManyRows(most: format.rowsMax, offset: scanner.position)
        }
        let start = scanner.position
        var ahead = scanner
        var depth = 0
        while depth <= 3, ahead.take(UInt8(ascii: "[")) { depth += 1 }
        guard let form = forms.first(where: { $0.count == depth }) else {
            throw mismatch(scanner, from: start, at: start)
        }
        let reader = PictureReader(form: form)
        let outcome = try rows.picture.withUnsafeMutableBufferPointer { buffer throws(DecodeError) in
            try reader.read(&scanner, into: buffer)
        }
        switch outcome {
        case .complete: if rows.keep() != nil { throw .notFinite(row: rows.count, offset: start) }
        case .otherShape(let offset): throw mismatch(scanner, from: start, at: offset)
        case .notFinite(let offset), .notOfDatatype(let offset):
            throw .notFinite(row: rows.count, offset: offset)
        case .notANumber(let offset): throw fault(scanner, at: offset, rowStart: start)
        }
    }

    // MARK: What to say about a picture that is none

    /// Something else where a number belongs: an object, text, a word, or no JSON.
    private func fault(_ scanner: Scanner, at offset: Int, rowStart: Int) -> DecodeError {
        var scanner = scanner
        scanner.position = offset
        guard let found = scanner.kindOfValue else { return scanner.unexpected }
        if found == .object, holdsBase64(scanner) { return .base64(row: rows.count, offset: offset) }
        do throws(DecodeError) { try scanner.skipValue() } catch { return error }
        return .notANumber(row: rows.count, found: found.rawValue, offset: offset)
    }

    private func holdsBase64(_ scanner: Scanner) -> Bool {
        var scanner = scanner
        var object = Scanner.ObjectState()
        guard scanner.take(UInt8(ascii: "{")) else { return false }
        return (try? scanner.nextKey(&object)) == Self.base64
    }

    /// The error for a row of another shape, which is measured only now that it matters.
    private func mismatch(_ scanner: Scanner, from start: Int, at offset: Int) -> DecodeError {
        var probe = scanner
        probe.position = start
        do throws(DecodeError) {
            let found = try ShapeProbe.measure(&probe)
            let expected = forms.map { $0.map { "[\($0)]" }.joined() }
            return .shapeMismatch(
                row: rows.count, found: found.description, expected: expected.joined(separator: " or "),
                offset: offset)
        } catch {
            return error
        }
    }
}
