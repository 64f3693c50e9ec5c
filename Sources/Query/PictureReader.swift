/// Reads nested lists of numbers of one known form.
struct PictureReader {
    /// What reading came to; offsets are of the byte that decided.
    enum Outcome {
        /// All numbers are there.
        case complete
        /// The lists are not nested as the form says, or the text is no JSON.
        case otherShape(at: Int)
        /// Something else stands for a number.
        case notANumber(at: Int)
        /// NaN or an infinity.
        case notFinite(at: Int)
        /// A number that the datatype does not hold: one with a fraction, or beyond its bounds.
        case notOfDatatype(at: Int)
    }

    /// The sizes of the lists, outermost first.
    let form: [Int]
    /// What integers there may be; nil where numbers may have fractions.
    private let integers: IntegerBounds?
    private let isHalf: Bool

    /// A reader for lists of the sizes `form` of what `datatype` holds.
    init(form: [Int], datatype: TensorDatatype = .float32) {
        self.form = form
        integers = datatype.isInteger ? IntegerBounds(datatype) : nil
        isHalf = datatype == .float16
    }

    /// Fills `buffer`, which holds as many numbers as the form, from the lists at the scanner.
    ///
    /// Throws: for numbers that are not JSON's. Other deviations are outcomes, to be told by their place.
    func read(
        _ scanner: inout JSONScanner<DecodeError>, into buffer: UnsafeMutableBufferPointer<Float>
    ) throws(DecodeError) -> Outcome {
        var next = 0
        return try readList(level: 0, &scanner, into: buffer, next: &next) ?? .complete
    }

    /// One list at `level`; nil when it is as expected.
    private func readList(
        level: Int, _ scanner: inout JSONScanner<DecodeError>, into buffer: UnsafeMutableBufferPointer<Float>,
        next: inout Int
    ) throws(DecodeError) -> Outcome? {
        guard scanner.take(UInt8(ascii: "[")) else { return deviation(&scanner, structural: true) }
        if level == form.count - 1 {
            if let outcome = try readNumbers(form[level], &scanner, into: buffer, next: &next) {
                return outcome
            }
        } else {
            for index in 0..<form[level] {
                if index > 0, !scanner.take(UInt8(ascii: ",")) {
                    return deviation(&scanner, structural: true)
                }
                if let outcome = try readList(level: level + 1, &scanner, into: buffer, next: &next) {
                    return outcome
                }
            }
        }
        return scanner.take(UInt8(ascii: "]")) ? nil : deviation(&scanner, structural: true)
    }

    /// So many numbers with commas between them, into `buffer` from `next` on; nil when they are as expected.
    func readNumbers(
        _ count: Int, _ scanner: inout JSONScanner<DecodeError>,
        into buffer: UnsafeMutableBufferPointer<Float>, next: inout Int
    ) throws(DecodeError) -> Outcome? {
        for index in 0..<count {
            if index > 0, !scanner.take(UInt8(ascii: ",")) { return deviation(&scanner, structural: true) }
            guard isNumber(scanner.peek()) else { return deviation(&scanner, structural: false) }
            let offset = scanner.position
            guard !scanner.isAtNonFinite else { return .notFinite(at: offset) }
            var value: Float
            if let integers {
                guard let whole = integers.value(try scanner.whole()) else {
                    return .notOfDatatype(at: offset)
                }
                value = whole
            } else {
                value = try scanner.number()
                if isHalf { value = Float(Float16(value)) }
                guard value.isFinite else { return .notFinite(at: offset) }
            }
            buffer[next] = value
            next += 1
        }
        return nil
    }

    @inline(__always)
    private func isNumber(_ byte: UInt8?) -> Bool {
        guard let byte else { return false }
        return byte &- UInt8(ascii: "0") < 10 || byte == UInt8(ascii: "-")
    }

    /// What it means that neither a number nor the bracket or comma that the form asks for is next.
    ///
    /// Where structure was expected, everything is another shape (or no JSON, which measuring finds out).
    private func deviation(_ scanner: inout JSONScanner<DecodeError>, structural: Bool) -> Outcome {
        let byte = scanner.peek()
        let offset = scanner.position
        if !structural, scanner.isAtNonFinite { return .notFinite(at: offset) }
        let isBracket = byte == UInt8(ascii: "[") || byte == UInt8(ascii: "]")
        return structural || isBracket ? .otherShape(at: offset) : .notANumber(at: offset)
    }
}
