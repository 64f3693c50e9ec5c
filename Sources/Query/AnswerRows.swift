/// The rows of an answer as a reader of any protocol finds them, value by value.
struct AnswerRows {
    typealias Scanner = JSONScanner<AnswerError>

    private let format: AnswerFormat
    private let expected: Int
    /// How many rows have ended.
    private(set) var count = 0
    private var classes: Int?
    private var values: [Float] = []
    private var numbers: [Range<Int>] = []
    /// The largest value of each row, of answers that hold the top classes alone.
    private var confidences: [Float] = []
    /// The class of each row, of answers that hold nothing else.
    private var labels: [Int?] = []
    /// What the row that is being read has had.
    private var row = Row()

    private struct Row {
        var found = 0
        /// Of the top classes alone.
        var (largest, sum, isNegative) = (Float(0), 0.0, false)
        var written = WrittenPrecision()
        var isRaw = true
    }

    /// Room for the answer to `expected` rows.
    init(format: AnswerFormat, expected: Int) {
        self.format = format
        self.expected = expected
        classes = format.classes
    }

    // MARK: One row

    /// A row begins. Throws: where it is one too many.
    mutating func begin() throws(AnswerError) {
        guard count < expected else { throw .rowCount(found: count + 1, expected: expected) }
        row = Row()
    }

    /// Reads the row's next value: a number, or for a label a name.
    mutating func readValue(_ scanner: inout Scanner) throws(AnswerError) {
        let offset = scanner.position
        guard format.kind != .labels || scanner.kindOfValue != .text else {
            try scanner.skipString()
            return try append(label: nil, at: offset)
        }
        guard !scanner.isAtNonFinite else { throw .notFinite(row: count, offset: offset) }
        guard scanner.kindOfValue == .number else { throw .notARow(row: count, offset: offset) }
        try append(scanner.number(), at: offset)
        switch format.kind {
        case .probabilities, .logProbabilities, .logits: numbers.append(offset..<scanner.position)
        case .topK:
            row.isRaw = false
            row.written.note(
                UnsafeBufferPointer(start: scanner.base + offset, count: scanner.position - offset))
        case .labels: break
        }
    }

    /// Takes the row's next value, which stands at `offset`.
    @inline(__always)
    mutating func append(_ value: Float, at offset: Int) throws(AnswerError) {
        guard value.isFinite else { throw .notFinite(row: count, offset: offset) }
        switch format.kind {
        case .probabilities, .logProbabilities, .logits: values.append(value)
        case .topK:
            row.largest = max(row.largest, value)
            row.sum += Double(value)
            row.isNegative = row.isNegative || value < 0
        case .labels:
            // Beyond 2²⁴ a Float no longer tells whole numbers apart.
            guard value >= 0, value < 0x1p24, value == value.rounded() else {
                throw .notARow(row: count, offset: offset)
            }
            return try append(label: Int(value), at: offset)
        }
        row.found += 1
    }

    /// Takes the row's label, nil for a name. Throws: where it has one already.
    mutating func append(label: Int?, at offset: Int) throws(AnswerError) {
        guard row.found == 0 else { throw .notARow(row: count, offset: offset) }
        labels.append(label)
        row.found = 1
    }

    /// The row has ended at `offset`. Throws: where it is not of the format's kind.
    mutating func end(at offset: Int) throws(AnswerError) {
        switch format.kind {
        case .probabilities, .logProbabilities, .logits: try check(classes: row.found)
        case .topK:
            guard row.found > 0 else { throw .notARow(row: count, offset: offset) }
            guard !row.isNegative,
                format.admitsPart(of: row.sum, classes: row.found, written: row.isRaw ? nil : row.written)
            else {
                throw .notProbabilities(row: count, sum: row.sum)
            }
            confidences.append(min(1, row.largest))
        case .labels: guard row.found == 1 else { throw .notARow(row: count, offset: offset) }
        }
        count += 1
    }

    /// Checks that a row may have so many classes, which all others must have then.
    mutating func check(classes found: Int) throws(AnswerError) {
        if let classes, classes != found { throw .classCount(row: count, found: found, expected: classes) }
        guard found >= 2 else { throw .tooFewClasses(found: found) }
        classes = found
    }

    // MARK: All rows

    /// The answer of these rows, in `body`. Throws: where rows are missing, or are not of the format's kind.
    ///
    /// - Parameter raw: where the values stand, if not in JSON.
    func answer(
        _ body: WireBody, raw: AnswerTensor? = nil, companies: [Answer.Company]
    ) throws(AnswerError) -> Answer {
        guard count == expected else { throw .rowCount(found: count, expected: expected) }
        let classes = format.kind.isDistribution ? classes ?? 0 : 0
        return Answer(
            rows: count, classes: classes, probabilities: try probabilities(classes: classes, in: body.bytes),
            summary: summary, body: body, kind: format.kind, numbers: numbers, raw: raw, values: values,
            companies: companies)
    }

    private var summary: Answer.Summary {
        switch format.kind {
        case .probabilities, .logProbabilities, .logits: .none
        case .topK: .confidences(confidences)
        case .labels: .labels(labels)
        }
    }

    private func probabilities(classes: Int, in body: [UInt8]) throws(AnswerError) -> [Float] {
        guard format.kind.isDistribution else { return [] }
        var all: [Float] = []
        all.reserveCapacity(values.count)
        for row in 0..<count {
            let place = row * classes..<(row + 1) * classes
            // Raw numbers have no decimals.
            all += try format.distribution(
                of: values[place], row: row,
                written: numbers.isEmpty ? nil : WrittenPrecision(of: numbers[place], in: body))
        }
        return all
    }
}
