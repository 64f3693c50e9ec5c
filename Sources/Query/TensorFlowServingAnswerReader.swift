/// Reads one TensorFlow Serving predict answer.
struct TensorFlowServingAnswerReader {
    private typealias Scanner = JSONScanner<AnswerError>

    private let format: AnswerFormat
    private let expectedRows: Int

    private var rows = 0
    private var classes: Int?
    private var values: [Float] = []
    private var numbers: [Range<Int>] = []
    /// The largest value of each row, of answers that hold the top classes alone.
    private var confidences: [Float] = []
    /// The class of each row, of answers that hold nothing else.
    private var labels: [Int?] = []
    /// The objects that hold other things beside what is read.
    private var companies: [Answer.Company] = []
    /// The name that an unnamed configuration lets the first row choose for all.
    private var outputName: String?

    /// A reader for the answer to `rows` rows.
    init(format: AnswerFormat, rows: Int) {
        self.format = format
        expectedRows = rows
        classes = format.classes
        outputName = format.outputName
    }

    /// The answer in `body`.
    mutating func read(_ body: [UInt8]) throws(AnswerError) -> Answer {
        try JSONScanner<AnswerError>.scan(body) { scanner throws(AnswerError) in try readBody(&scanner) }
        guard rows == expectedRows else { throw .rowCount(found: rows, expected: expectedRows) }
        let classes = format.kind.isDistribution ? classes ?? 0 : 0
        return Answer(
            rows: rows, classes: classes, probabilities: try probabilities(classes: classes, in: body),
            summary: summary, body: body, kind: format.kind, numbers: numbers, values: values,
            companies: companies)
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
        var company = Answer.Company(inside: scanner.position)
        while let key = try scanner.nextKey(&object) {
            defer { company.passed(scanner.position) }
            guard key == Self.predictions || key == Self.outputs else {
                try scanner.skipValue(depth: 1)
                continue
            }
            guard !isFound else { throw .noPredictions }
            isFound = true
            if key == Self.predictions { try readPredictions(&scanner) } else { try readOutputs(&scanner) }
            company.met(rows: 0..<rows, until: scanner.position)
        }
        keep(company, endingAt: scanner.position)
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
        guard scanner.take(UInt8(ascii: "[")) else { throw .notARow(row: rows, offset: scanner.position) }
        var isFirst = true
        while try scanner.nextElement(isFirst: &isFirst) { try element(&self, &scanner) }
    }

    /// An object with the route's output among others, or with one output where the route names none.
    private mutating func readNamed(_ scanner: inout Scanner, value: Step) throws(AnswerError) {
        try scanner.expect(UInt8(ascii: "{"))
        var object = Scanner.ObjectState()
        var names: [String] = []
        var isFound = false
        var company = Answer.Company(inside: scanner.position)
        while let key = try scanner.nextKey(&object) {
            defer { company.passed(scanner.position) }
            let name = String(decoding: key, as: UTF8.self)
            if names.count < 16 { names.append(name) }
            guard format.outputName != nil || names.count == 1 else { throw .outputNameNeeded(names: names) }
            if outputName == nil { outputName = name }
            guard let outputName, Array(outputName.utf8) == key else {
                try scanner.skipValue(depth: 2)
                continue
            }
            isFound = true
            let first = rows
            try value(&self, &scanner)
            company.met(rows: first..<rows, until: scanner.position)
        }
        guard isFound else { throw .outputNameNeeded(names: names) }
        keep(company, endingAt: scanner.position)
    }

    private mutating func keep(_ company: Answer.Company, endingAt end: Int) {
        guard company.isShared else { return }
        var company = company
        company.inside = company.inside.lowerBound..<end - 1
        companies.append(company)
    }

    private var summary: Answer.Summary {
        switch format.kind {
        case .probabilities, .logProbabilities, .logits: .none
        case .topK: .confidences(confidences)
        case .labels: .labels(labels)
        }
    }

    private mutating func readRow(_ scanner: inout Scanner) throws(AnswerError) {
        guard rows < expectedRows else { throw .rowCount(found: rows + 1, expected: expectedRows) }
        switch format.kind {
        case .probabilities, .logProbabilities, .logits: try readDistribution(&scanner)
        case .topK: try readTop(&scanner)
        case .labels: try readLabel(&scanner)
        }
        rows += 1
    }

    private mutating func readDistribution(_ scanner: inout Scanner) throws(AnswerError) {
        guard scanner.take(UInt8(ascii: "[")) else { throw .notARow(row: rows, offset: scanner.position) }
        var isFirst = true
        var found = 0
        while try scanner.nextElement(isFirst: &isFirst) {
            let offset = scanner.position
            values.append(try readValue(&scanner))
            numbers.append(offset..<scanner.position)
            found += 1
        }
        if let classes, classes != found { throw .classCount(row: rows, found: found, expected: classes) }
        guard found >= 2 else { throw .tooFewClasses(found: found) }
        classes = found
    }

    private func readValue(_ scanner: inout Scanner) throws(AnswerError) -> Float {
        let offset = scanner.position
        guard !scanner.isAtNonFinite else { throw .notFinite(row: rows, offset: offset) }
        guard scanner.kindOfValue == .number else { throw .notARow(row: rows, offset: offset) }
        let value = try scanner.number()
        guard value.isFinite else { throw .notFinite(row: rows, offset: offset) }
        return value
    }

    /// `[value, …]`, at least one: some of a distribution.
    private mutating func readTop(_ scanner: inout Scanner) throws(AnswerError) {
        guard scanner.take(UInt8(ascii: "[")) else { throw .notARow(row: rows, offset: scanner.position) }
        var isFirst = true
        var (largest, sum, isNegative, found) = (Float(0), 0.0, false, 0)
        var written = WrittenPrecision()
        while try scanner.nextElement(isFirst: &isFirst) {
            let offset = scanner.position
            let value = try readValue(&scanner)
            written.note(
                UnsafeBufferPointer(start: scanner.base + offset, count: scanner.position - offset))
            largest = max(largest, value)
            sum += Double(value)
            isNegative = isNegative || value < 0
            found += 1
        }
        guard found > 0 else { throw .notARow(row: rows, offset: scanner.position) }
        guard !isNegative, format.admitsPart(of: sum, classes: found, written: written) else {
            throw .notProbabilities(row: rows, sum: sum)
        }
        confidences.append(min(1, largest))
    }

    /// A number or a name, by itself or as the only element of a list.
    private mutating func readLabel(_ scanner: inout Scanner) throws(AnswerError) {
        guard scanner.take(UInt8(ascii: "[")) else { return labels.append(try readClass(&scanner)) }
        var isFirst = true
        let start = labels.count
        while try scanner.nextElement(isFirst: &isFirst) {
            guard labels.count == start else { throw .notARow(row: rows, offset: scanner.position) }
            labels.append(try readClass(&scanner))
        }
        guard labels.count == start + 1 else { throw .notARow(row: rows, offset: scanner.position) }
    }

    /// The class, or nil for a name.
    private func readClass(_ scanner: inout Scanner) throws(AnswerError) -> Int? {
        guard scanner.kindOfValue != .text else {
            try scanner.skipValue()
            return nil
        }
        let offset = scanner.position
        let value = try readValue(&scanner)
        // Beyond 2²⁴ a Float no longer tells whole numbers apart.
        guard value >= 0, value < 0x1p24, value == value.rounded() else {
            throw .notARow(row: rows, offset: offset)
        }
        return Int(value)
    }

    // MARK: Probabilities

    private func probabilities(classes: Int, in body: [UInt8]) throws(AnswerError) -> [Float] {
        guard format.kind.isDistribution else { return [] }
        var all: [Float] = []
        all.reserveCapacity(values.count)
        for row in 0..<rows {
            let place = row * classes..<(row + 1) * classes
            all += try format.distribution(
                of: values[place], row: row, written: WrittenPrecision(of: numbers[place], in: body))
        }
        return all
    }
}
