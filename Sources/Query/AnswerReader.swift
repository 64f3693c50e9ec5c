/// Reads the class values out of a route's answers.
package struct AnswerReader: Sendable {
    /// What the route's settings say about its answers.
    package let format: AnswerFormat

    /// A reader for `format`.
    package init(_ format: AnswerFormat) { self.format = format }

    /// The class values in `body`, the answer to a query of `rows` rows.
    ///
    /// Throws: `AnswerError`, for the operator: the victim's answer is not what the route says.
    package func read(_ body: [UInt8], rows: Int) throws(AnswerError) -> Answer {
        throw .notJSON(.endOfInput, offset: body.count)
    }
}

/// Why an answer's class values cannot be read. Offsets count bytes of the body from 0.
package enum AnswerError: Error, Hashable, Sendable {
    /// Not JSON, or beyond a bound.
    case notJSON(JSONFault, offset: Int)
    /// Neither `predictions` nor `outputs` is there, or both.
    case noPredictions
    /// Several named outputs, and the route names none, or another one.
    case outputNameNeeded(names: [String])
    /// A row is not a list of numbers.
    case notARow(row: Int, offset: Int)
    /// Another number of rows than the query's.
    case rowCount(found: Int, expected: Int)
    /// Another number of classes than the row before or the model.
    case classCount(row: Int, found: Int, expected: Int)
    /// NaN or an infinity.
    case notFinite(row: Int, offset: Int)
    /// Probabilities that are negative or do not sum to 1.
    case notProbabilities(row: Int, sum: Double)
}
