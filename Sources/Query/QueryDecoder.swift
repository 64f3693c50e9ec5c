/// Reads the pictures out of a route's requests.
package struct QueryDecoder: Sendable {
    /// What the route's settings say about its requests.
    package let format: QueryFormat

    /// A decoder for `format`, which has no problems.
    package init(_ format: QueryFormat) {
        precondition(format.problems.isEmpty, "the format was validated")
        self.format = format
    }

    /// The pictures in `body`.
    ///
    /// Throws: `DecodeError` with a reason that the client may read.
    package func decode(_ body: [UInt8]) throws(DecodeError) -> QueryBatch {
        switch format.wireProtocol {
        case .tensorFlowServing: throw .notJSON(.endOfInput, offset: body.count)
        }
    }
}
