/// Reads one TensorFlow Serving predict answer.
struct TensorFlowServingAnswerReader {
    private typealias Scanner = JSONScanner<AnswerError>

    private let format: AnswerFormat
    private var rows: AnswerRows
    /// What stands in the same objects as what is read.
    private var companies: [Answer.Company] = []
    /// The name that an unnamed configuration lets the first row choose for all.
    private var outputName: String?

    /// A reader for the answer to `rows` rows.
    init(format: AnswerFormat, rows: Int) {
        self.format = format
        self.rows = AnswerRows(format: format, expected: rows)
        outputName = format.outputName
    }

    /// The answer in `body`.
    mutating func read(_ body: [UInt8]) throws(AnswerError) -> Answer {
        try JSONScanner<AnswerError>.scan(body) { scanner throws(AnswerError) in try readBody(&scanner) }
        return try rows.answer(WireBody(bytes: body), companies: companies)
    }

    private static let predictions = Array("predictions".utf8)
    private static let outputs = Array("outputs".utf8)

    private mutating func readBody(_ scanner: inout Scanner) throws(AnswerError) {
        guard scanner.take(UInt8(ascii: "{")) else {
            try scanner.skipValue()
            throw .noPredictions
        }
        var object = Scanner.ObjectState()
        var isFound = false
        var members = KeptMembers(scanner)
        while let key = try scanner.nextKey(&object) {
            guard key == Self.predictions || key == Self.outputs else {
                try scanner.skipValue(depth: 1)
                members.passed(scanner, isKept: false)
                continue
            }
            guard !isFound else { throw .noPredictions }
            isFound = true
            if key == Self.predictions { try readPredictions(&scanner) } else { try readOutputs(&scanner) }
            members.passed(scanner, isKept: true)
        }
        omit(members.omissions(scanner), rowsFrom: 0)
        try scanner.finish()
        guard isFound else { throw .noPredictions }
    }

    /// `[[value, …], …]` or `[{name: [value, …], …}, …]`.
    private mutating func readPredictions(_ scanner: inout Scanner) throws(AnswerError) {
        try readList(&scanner) { reader, scanner throws(AnswerError) in
            guard scanner.peek() == UInt8(ascii: "{") else { return try reader.readRow(&scanner) }
            try reader.readNamed(&scanner) { reader, scanner throws(AnswerError) in
                try reader.readRow(&scanner)
            }
        }
    }

    /// `[[value, …], …]` or `{name: [[value, …], …], …}`.
    private mutating func readOutputs(_ scanner: inout Scanner) throws(AnswerError) {
        guard scanner.peek() == UInt8(ascii: "{") else { return try readTensor(&scanner) }
        try readNamed(&scanner) { reader, scanner throws(AnswerError) in try reader.readTensor(&scanner) }
    }

    private mutating func readTensor(_ scanner: inout Scanner) throws(AnswerError) {
        try readList(&scanner) { reader, scanner throws(AnswerError) in try reader.readRow(&scanner) }
    }

    private typealias Step = (inout Self, inout Scanner) throws(AnswerError) -> Void

    private mutating func readList(_ scanner: inout Scanner, element: Step) throws(AnswerError) {
        guard scanner.take(UInt8(ascii: "[")) else {
            throw .notARow(row: rows.count, offset: scanner.position)
        }
        var isFirst = true
        while try scanner.nextElement(isFirst: &isFirst) { try element(&self, &scanner) }
    }

    /// An object with the route's output among others, or with one output where the route names none.
    private mutating func readNamed(_ scanner: inout Scanner, value: Step) throws(AnswerError) {
        try scanner.expect(UInt8(ascii: "{"))
        var object = Scanner.ObjectState()
        var names: [String] = []
        var isFound = false
        var members = KeptMembers(scanner)
        let first = rows.count
        while let key = try scanner.nextKey(&object) {
            let name = String(decoding: key, as: UTF8.self)
            if names.count < 16 { names.append(name) }
            guard format.outputName != nil || names.count == 1 else { throw .outputNameNeeded(names: names) }
            if outputName == nil { outputName = name }
            guard let outputName, Array(outputName.utf8) == key else {
                try scanner.skipValue(depth: 2)
                members.passed(scanner, isKept: false)
                continue
            }
            isFound = true
            try value(&self, &scanner)
            members.passed(scanner, isKept: true)
        }
        guard isFound else { throw .outputNameNeeded(names: names) }
        omit(members.omissions(scanner), rowsFrom: first)
    }

    /// What to leave out when a row from `first` on changes.
    private mutating func omit(_ bytes: [Range<Int>], rowsFrom first: Int) {
        guard !bytes.isEmpty else { return }
        companies.append(Answer.Company(rows: first..<rows.count, bytes: bytes))
    }

    /// `[value, …]`, or for a label the value by itself.
    private mutating func readRow(_ scanner: inout Scanner) throws(AnswerError) {
        try rows.begin()
        if scanner.take(UInt8(ascii: "[")) {
            var isFirst = true
            while try scanner.nextElement(isFirst: &isFirst) { try rows.readValue(&scanner) }
        } else {
            guard format.kind == .labels else {
                throw .notARow(row: rows.count, offset: scanner.position)
            }
            try rows.readValue(&scanner)
        }
        try rows.end(at: scanner.position)
    }
}
