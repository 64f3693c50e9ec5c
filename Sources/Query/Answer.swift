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

    let body: WireBody
    let kind: AnswerKind
    /// Shapes: numbers (rows, classes) row-major: the bytes of each number; empty where they are raw.
    let numbers: [Range<Int>]
    /// Shapes: raw (rows, classes) row-major: where the numbers stand, if not in JSON.
    let raw: AnswerTensor?
    /// The values as they stand, for the shift of logits.
    let values: [Float]
    /// What stands beside the values.
    let companies: [Company]

    /// What stands beside the values of some rows, in the same object.
    struct Company: Sendable {
        /// The rows.
        let rows: Range<Int>
        /// Its bytes, in order.
        let bytes: [Range<Int>]
    }

    /// The probabilities of one row; empty where the kind does not tell every class.
    package func row(_ index: Int) -> [Float] {
        Array(probabilities[index * classes..<(index + 1) * classes])
    }
}

extension Answer {
    /// The answer's bytes with the numbers of some rows replaced. What stands beside them in the same object, such as the logits
    /// to their probabilities, is left out, for it would tell what the numbers were; everything else is as it was. Raw numbers are
    /// replaced in their own type.
    ///
    /// Only for an answer of a kind that tells every class.
    ///
    /// - Parameter changes: the new probabilities of each row to change; `classes` values each. They are written
    ///   in the answer's own kind: logits as log-probabilities shifted to the row's original logsumexp.
    package func rewritten(rows changes: [Int: [Float]]) -> WireBody {
        guard !changes.isEmpty else { return body }
        precondition(changes.keys.allSatisfy((0..<rows).contains), "rows of the answer")
        var text = rewrittenText(rows: changes)
        // Whatever other raw tensors there were are left out by now.
        let rawStart = text.count - (raw?.byteCount ?? 0)
        if let raw {
            for row in changes.keys {
                raw.write(values(of: row, changes), from: row * classes, in: &text, start: rawStart)
            }
        }
        return WireBody(bytes: text, jsonBytes: body.jsonBytes.map { _ in rawStart })
    }

    /// The bytes without the company of changed rows, and with the numbers of these replaced where they are JSON.
    private func rewrittenText(rows changes: [Int: [Float]]) -> [UInt8] {
        let company = companies.filter { company in company.rows.contains { changes[$0] != nil } }
        var edits = company.flatMap(\.bytes).map { (range: $0, row: Int?.none) }
        if raw == nil { for row in changes.keys { edits.append((numbers[row * classes], row)) } }
        var text: [UInt8] = []
        text.reserveCapacity(body.bytes.count + changes.count * classes * 8)
        var copied = 0
        for edit in edits.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            if let row = edit.row {
                append(row, values(of: row, changes), to: &text, &copied)
            } else {
                text += body.bytes[copied..<edit.range.lowerBound]
                copied = edit.range.upperBound
            }
        }
        return text + body.bytes[copied...]
    }

    /// Appends the answer up to a row's last number, the row's own replaced.
    private func append(_ row: Int, _ values: [Float], to text: inout [UInt8], _ copied: inout Int) {
        for (value, number) in zip(values, numbers[row * classes..<(row + 1) * classes]) {
            text += body.bytes[copied..<number.lowerBound]
            JSONNumber.append(value, to: &text)
            copied = number.upperBound
        }
    }

    /// The new values of a changed row.
    private func values(of row: Int, _ changes: [Int: [Float]]) -> [Float] {
        let probabilities = changes[row] ?? []
        precondition(probabilities.count == classes, "a whole row of the answer")
        return kind.values(of: probabilities, like: values[row * classes..<(row + 1) * classes])
    }
}
