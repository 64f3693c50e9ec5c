/// The class values of an answer, and where in its bytes they stand.
package struct Answer: Sendable {
    /// The number of rows, which is the query's.
    package let rows: Int
    /// The number of classes; 0 where the kind does not tell every class.
    package let classes: Int
    /// Shapes: probabilities (rows, classes) row-major, each row not negative and summing to about 1, whatever
    /// kind the answer is of; empty where it does not tell every class.
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

    /// The probabilities of one row; empty where the kind does not tell every class.
    package func row(_ index: Int) -> [Float] {
        Array(probabilities[index * classes..<(index + 1) * classes])
    }
}

extension Answer {
    /// The answer's bytes with the numbers of some rows replaced and everything else as it was.
    ///
    /// Only for an answer of a kind that tells every class.
    ///
    /// - Parameter changes: the new probabilities of each row to change; `classes` values each. They are written
    ///   in the answer's own kind: logits as log-probabilities shifted to the row's original logsumexp.
    package func rewritten(rows changes: [Int: [Float]]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(body.count + changes.count * classes * 8)
        var copied = 0
        for row in changes.keys.sorted() {
            guard let probabilities = changes[row] else { continue }
            precondition(
                (0..<rows).contains(row) && probabilities.count == classes, "a whole row of the answer")
            let start = row * classes
            let original = values[start..<start + classes]
            for (offset, value) in kind.values(of: probabilities, like: original).enumerated() {
                let number = numbers[start + offset]
                text += body[copied..<number.lowerBound]
                JSONNumber.append(value, to: &text)
                copied = number.upperBound
            }
        }
        return text + body[copied...]
    }
}
