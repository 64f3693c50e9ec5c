/// Reads the class values out of a route's answers; immutable, for use from any thread.
package struct AnswerReader: Sendable {
    /// What the route's settings say about its answers.
    package let format: AnswerFormat

    /// A reader for `format`.
    package init(_ format: AnswerFormat) { self.format = format }

    /// The class values in `body`, the answer to a query of `rows` rows.
    ///
    /// - Parameter jsonBytes: how many bytes of the body are JSON where raw tensors follow it; nil where all of it is.
    ///
    /// Throws: `AnswerError`, for the operator: the victim's answer is not what the route says.
    package func read(_ body: [UInt8], rows: Int, jsonBytes: Int? = nil) throws(AnswerError) -> Answer {
        switch format.wireProtocol {
        case .tensorFlowServing:
            var reader = TensorFlowServingAnswerReader(format: format, rows: rows)
            return try reader.read(body)
        case .openInference:
            var reader = OpenInferenceAnswerReader(format: format, rows: rows)
            return try reader.read(body, jsonBytes: jsonBytes)
        }
    }
}
