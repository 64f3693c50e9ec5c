/// Reads the pictures out of a route's requests; immutable, for use from any thread.
package struct QueryDecoder: Sendable {
    /// What the route's settings say about its requests.
    package let format: QueryFormat

    private let order: WireOrder

    /// A decoder for `format`, which has no problems.
    package init(_ format: QueryFormat) {
        precondition(format.problems.isEmpty, "the format was validated")
        self.format = format
        order = WireOrder(format: format)
    }

    /// The pictures in `body`, read in one pass.
    ///
    /// - Parameter jsonBytes: how many bytes of the body are JSON where raw tensors follow it (the Open Inference Protocol's
    ///   `Inference-Header-Content-Length`); nil where all of it is.
    ///
    /// Throws: `DecodeError` with a reason that the client may read.
    package func decode(_ body: [UInt8], jsonBytes: Int? = nil) throws(DecodeError) -> QueryBatch {
        switch format.wireProtocol {
        case .tensorFlowServing:
            var reader = TensorFlowServingReader(format: format, order: order)
            return try reader.read(body)
        case .openInference:
            var reader = OpenInferenceReader(format: format, order: order)
            return try reader.read(body, jsonBytes: jsonBytes ?? body.count)
        }
    }
}
