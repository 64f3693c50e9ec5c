import Buffers

/// A request's place in a trace across services, as the upstream is told of it in `traceparent`.
///
/// **Source**: W3C Trace Context, level 1.
package struct TraceParent: Sendable {
    /// The first half of the trace's id.
    package let high: UInt64
    /// The second half.
    package let low: UInt64
    /// The gateway's own span.
    package let span: UInt64
    /// Whether it is recorded.
    package let isSampled: Bool
    /// Whether the request's own fields say all that already.
    package let isInFields: Bool

    /// A place by its numbers.
    package init(high: UInt64, low: UInt64, span: UInt64, isSampled: Bool, isInFields: Bool) {
        self.high = high
        self.low = low
        self.span = span
        self.isSampled = isSampled
        self.isInFields = isInFields
    }

    /// Appends the field with its line end.
    func append(to output: inout ByteBuffer) {
        output.append("traceparent: 00-")
        output.append(hex: high)
        output.append(hex: low)
        output.append(UInt8(ascii: "-"))
        output.append(hex: span)
        output.append(isSampled ? "-01\r\n" : "-00\r\n")
    }
}
