/// The class values of an answer, and where in its bytes they stand.
package struct Answer: Sendable {
    /// The number of rows, which is the query's.
    package let rows: Int
    /// The number of classes.
    package let classes: Int
    /// Shapes: probabilities (rows, classes) row-major, each row not negative and summing to about 1, whatever
    /// kind the answer is of.
    package let probabilities: [Float]

    let body: [UInt8]
    let kind: AnswerKind
    /// Shapes: numbers (rows, classes) row-major: the bytes of each number.
    let numbers: [Range<Int>]
    /// The values as they stand, for the shift of logits.
    let values: [Float]

    /// The probabilities of one row.
    package func row(_ index: Int) -> [Float] {
        Array(probabilities[index * classes..<(index + 1) * classes])
    }
}

extension Answer {
    /// The answer's bytes with the numbers of some rows replaced and everything else as it was.
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
