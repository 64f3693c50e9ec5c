/// One output of an answer of the Open Inference Protocol, of which only the place of the values is known yet.
struct OpenInferenceOutput {
    typealias Scanner = JSONScanner<AnswerError>

    /// Which of the outputs it is, from 0.
    let index: Int
    /// Where its object begins.
    let offset: Int
    private(set) var name: [UInt8] = []
    private(set) var shape: [Int] = []
    private(set) var datatype = ""
    /// How many values the shape has.
    private(set) var count = 1
    /// Where the list of its values begins; nil where they are raw.
    private(set) var data: Int?
    /// How many raw bytes it has; nil where the values are in the JSON.
    private(set) var rawBytes: Int?
    /// The bytes to leave out of its object when a row changes.
    private(set) var omissions: [Range<Int>] = []

    /// Which members have been there.
    private var keys: Set<Key> = []

    private enum Key: String {
        case name, shape, datatype, parameters, data
    }

    /// The output at `scanner`, which moves past it.
    init(_ scanner: inout Scanner, index: Int) throws(AnswerError) {
        self.index = index
        offset = scanner.position
        guard scanner.take(UInt8(ascii: "{")) else {
            try scanner.skipValue(depth: 2)
            throw fault(.notAnObject)
        }
        var object = Scanner.ObjectState()
        var members = KeptMembers(scanner)
        while let bytes = try scanner.nextKey(&object) {
            let key = Key(rawValue: String(decoding: bytes, as: UTF8.self))
            if let key { keys.insert(key) }
            try read(key, &scanner)
            members.passed(scanner, isKept: key != nil)
        }
        omissions += members.omissions(scanner)
        for key in [Key.name, .shape, .datatype] where !keys.contains(key) {
            throw fault(.missing(key.rawValue))
        }
        guard data == nil || rawBytes == nil else { throw fault(.twoKindsOfData) }
        guard data != nil || rawBytes != nil else { throw fault(.noData) }
    }

    /// The error for what is wrong with it, at `place` or as a whole.
    func fault(_ fault: OutputFault, at place: Int? = nil) -> AnswerError {
        .output(fault, index: index, offset: place ?? offset)
    }

    // MARK: Members

    private mutating func read(_ key: Key?, _ scanner: inout Scanner) throws(AnswerError) {
        switch key {
        case .name: name = try text(.name, &scanner)
        case .datatype: datatype = String(decoding: try text(.datatype, &scanner), as: UTF8.self)
        case .shape: try readShape(&scanner)
        case .parameters: try readParameters(&scanner)
        case .data:
            guard scanner.kindOfValue == .list else { throw fault(.otherData, at: scanner.position) }
            data = scanner.position
            try scanner.skipValue(depth: 3)
        case nil: try scanner.skipValue(depth: 3)
        }
    }

    private func text(_ key: Key, _ scanner: inout Scanner) throws(AnswerError) -> [UInt8] {
        guard scanner.kindOfValue == .text else { throw fault(.notText(key.rawValue), at: scanner.position) }
        return try scanner.key()
    }

    private mutating func readShape(_ scanner: inout Scanner) throws(AnswerError) {
        let start = scanner.position
        guard scanner.take(UInt8(ascii: "[")) else { throw fault(.notAShape, at: start) }
        var isFirst = true
        while try scanner.nextElement(isFirst: &isFirst) {
            guard shape.count < Scanner.depthMax, let size = try wholeNumber(&scanner) else {
                throw fault(.notAShape, at: start)
            }
            let (product, isTooLarge) = count.multipliedReportingOverflow(by: size)
            guard !isTooLarge else { throw fault(.tooLarge, at: start) }
            shape.append(size)
            count = product
        }
    }

    /// Of the parameters only those that say how to read the values are kept. Some servers write null for none.
    private mutating func readParameters(_ scanner: inout Scanner) throws(AnswerError) {
        guard scanner.kindOfValue != .null else { return try scanner.skipValue() }
        guard scanner.take(UInt8(ascii: "{")) else {
            throw fault(.parametersNotAnObject, at: scanner.position)
        }
        var object = Scanner.ObjectState()
        var members = KeptMembers(scanner)
        while let key = try scanner.nextKey(&object) {
            let offset = scanner.position
            if key == Self.binaryDataSize {
                rawBytes = try wholeNumber(&scanner)
                guard rawBytes != nil else { throw fault(.notASize, at: offset) }
            } else {
                try scanner.skipValue(depth: 4)
            }
            members.passed(scanner, isKept: key == Self.binaryDataSize || key == Self.contentType)
        }
        omissions += members.omissions(scanner)
    }

    private static let binaryDataSize = Array("binary_data_size".utf8)
    private static let contentType = Array("content_type".utf8)

    /// The number at the scanner if it is written in digits alone and fits.
    private func wholeNumber(_ scanner: inout Scanner) throws(AnswerError) -> Int? {
        guard scanner.kindOfValue == .number else {
            try scanner.skipValue(depth: 4)
            return nil
        }
        let start = scanner.position
        _ = try scanner.number()
        var value = 0
        for offset in start..<scanner.position {
            let digit = scanner.base[offset] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = tens.addingReportingOverflow(Int(digit))
            guard !isTooLarge, !overflows else { return nil }
            value = sum
        }
        return value
    }

    // MARK: Raw values

    /// The datatype of texts, each after its length in raw tensors.
    static let textDatatype = "BYTES"

    /// Checks that `bytes`, those of the raw tensor, are as many as its shape and datatype come to. A datatype that is not known here
    /// is taken at its word: nothing else depends on it.
    func checkRaw(_ bytes: Range<Int>, in body: [UInt8]) throws(AnswerError) {
        guard datatype != Self.textDatatype else {
            var found = 0
            try forEachRawText(bytes, in: body) { _ in found += 1 }
            guard found == count else { throw fault(.textLengths, at: bytes.lowerBound) }
            return
        }
        let sizes = ["BOOL": 1, "BF16": 2]
        guard let size = TensorDatatype(rawValue: datatype)?.byteCount ?? sizes[datatype] else { return }
        let (expected, isTooLarge) = count.multipliedReportingOverflow(by: size)
        guard !isTooLarge else { throw fault(.tooLarge) }
        guard bytes.count == expected else {
            throw fault(.otherSize(found: bytes.count, expected: expected), at: bytes.lowerBound)
        }
    }

    /// Calls `text` with the place of each raw text. Throws: where a length reaches past the tensor, and what `text` throws.
    func forEachRawText(
        _ bytes: Range<Int>, in body: [UInt8], _ text: (Int) throws(AnswerError) -> Void
    ) throws(AnswerError) {
        var place = bytes.lowerBound
        while place < bytes.upperBound {
            guard bytes.upperBound - place >= 4 else { throw fault(.textLengths, at: place) }
            let length = (0..<4).reduce(0) { $0 | Int(body[place + $1]) << (8 * $1) }
            guard length <= bytes.upperBound - place - 4 else { throw fault(.textLengths, at: place) }
            try text(place)
            place += 4 + length
        }
    }
}
