/// The class values of an answer, and where in its bytes they stand.
package struct Answer: Sendable {
    /// The number of rows, which is the query's.
    package let rows: Int
    /// The number of classes; 0 where the kind does not tell every class.
    package let classes: Int
    /// Shapes: probabilities (rows, classes) row-major, each row not negative and summing to about 1, whatever
    /// kind the answer is of and however it was rounded; empty where it does not tell every class.
    package let probabilities: [Float]
    /// What the answer tells where it does not tell every class.
    package let summary: Summary

    /// What an answer tells of its rows besides the probability of every class.
    package enum Summary: Hashable, Sendable {
        /// It tells every class.
        case none
        /// The largest probability of each row.
        case confidences([Float])
        /// The class of each row, nil for one that has a name in place of a number.
        case labels([Int?])
    }

    let body: [UInt8]
    let kind: AnswerKind
    /// Shapes: numbers (rows, classes) row-major: the bytes of each number.
    let numbers: [Range<Int>]
    /// The values as they stand, for the shift of logits.
    let values: [Float]
    /// The objects in which other outputs stand beside the values.
    let companies: [Company]

    /// An object that holds the values of some rows, and other things.
    struct Company: Sendable {
        /// The rows.
        private(set) var rows = 0..<0
        /// The bytes between its braces.
        var inside: Range<Int>
        /// The bytes of the member that is read, and maybe of a comma and blanks before it.
        private(set) var member = 0..<0
        private var last: Int
        private var count = 0

        /// An object whose first member begins at `start`.
        init(inside start: Int) {
            inside = start..<start
            last = start
        }

        /// Whether there is anything besides.
        var isShared: Bool { count > 1 && !rows.isEmpty }

        /// A member has ended there.
        mutating func passed(_ end: Int) {
            last = end
            count += 1
        }

        /// The member that has just begun is that of the rows.
        mutating func met(rows: Range<Int>, until end: Int) {
            self.rows = rows
            member = last..<end
        }
    }

    /// The probabilities of one row; empty where the kind does not tell every class.
    package func row(_ index: Int) -> [Float] {
        Array(probabilities[index * classes..<(index + 1) * classes])
    }
}

extension Answer {
    /// The answer's bytes with the numbers of some rows replaced. What stands beside them in the same object, such as the logits
    /// to their probabilities, is left out, for it would tell what the numbers were; everything else is as it was.
    ///
    /// Only for an answer of a kind that tells every class.
    ///
    /// - Parameter changes: the new probabilities of each row to change; `classes` values each. They are written
    ///   in the answer's own kind: logits as log-probabilities shifted to the row's original logsumexp.
    package func rewritten(rows changes: [Int: [Float]]) -> [UInt8] {
        var edits = omissions(besides: changes).map { (range: $0, row: Int?.none) }
        for row in changes.keys { edits.append((numbers[row * classes], row)) }
        var text: [UInt8] = []
        text.reserveCapacity(body.count + changes.count * classes * 8)
        var copied = 0
        for edit in edits.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            if let row = edit.row, let probabilities = changes[row] {
                append(row, probabilities, to: &text, &copied)
            } else {
                text += body[copied..<edit.range.lowerBound]
                copied = edit.range.upperBound
            }
        }
        return text + body[copied...]
    }

    /// Appends the answer up to a row's last number, the row's own replaced.
    private func append(_ row: Int, _ probabilities: [Float], to text: inout [UInt8], _ copied: inout Int) {
        precondition((0..<rows).contains(row) && probabilities.count == classes, "a whole row of the answer")
        let start = row * classes
        let original = values[start..<start + classes]
        for (offset, value) in kind.values(of: probabilities, like: original).enumerated() {
            let number = numbers[start + offset]
            text += body[copied..<number.lowerBound]
            JSONNumber.append(value, to: &text)
            copied = number.upperBound
        }
    }

    /// The bytes beside the members of changed rows.
    private func omissions(besides changes: [Int: [Float]]) -> [Range<Int>] {
        companies.filter { company in company.rows.contains { changes[$0] != nil } }.flatMap { company in
            let blanks = body[company.member].prefix { [0x20, 0x09, 0x0A, 0x0D, 0x2C].contains($0) }
            return [
                company.inside.lowerBound..<company.member.lowerBound + blanks.count,
                company.member.upperBound..<company.inside.upperBound,
            ].filter { !$0.isEmpty }
        }
    }
}
