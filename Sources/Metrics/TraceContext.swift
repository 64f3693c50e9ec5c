/// A request's place in a distributed trace: what `traceparent` and `tracestate` say.
///
/// Source: W3C Trace Context, level 1.
package struct TraceContext: Hashable, Sendable {
    /// The first half of the trace's id; both halves are never zero together.
    package let traceHigh: UInt64
    /// The second half.
    package let traceLow: UInt64
    /// The id of the span that sent the request, never zero.
    package let parent: UInt64
    /// Whether the sender recorded the request. The other flags are unknown in level 1 and are not passed on.
    package let isSampled: Bool
    /// The vendors' entries in their order, ready to be sent; empty when there are none.
    package let state: String

    /// The context that header fields carry, or nil when a new trace has to begin: no `traceparent`, several, or a
    /// malformed one. A malformed `tracestate` is dropped and the trace continues (§3.2.2.5, §3.3.1.3).
    ///
    /// - Parameters:
    ///   - traceparent: the values of all fields of that name.
    ///   - tracestate: the values of all fields of that name, in their order.
    package init?(traceparent: [String], tracestate: [String] = []) {
        guard traceparent.count == 1 else { return nil }
        let text = Array(Self.trimmed(traceparent[0]))
        guard text.count >= 55, text[2] == UInt8(ascii: "-"), text[35] == UInt8(ascii: "-"),
            text[52] == UInt8(ascii: "-"), let version = Self.hex(text[0..<2]), version != 0xFF,
            let high = Self.hex(text[3..<19]), let low = Self.hex(text[19..<35]), high | low != 0,
            let parent = Self.hex(text[36..<52]), parent != 0, let flags = Self.hex(text[53..<55])
        else { return nil }
        // Version 00 ends here; a later one may go on behind another dash (§3.2.2.1, "Versioning").
        if version == 0 { guard text.count == 55 else { return nil } }
        if text.count > 55 { guard text[55] == UInt8(ascii: "-") else { return nil } }
        traceHigh = high
        traceLow = low
        self.parent = parent
        isSampled = flags & 1 != 0
        state = TraceState.joined(tracestate) ?? ""
    }

    private init(high: UInt64, low: UInt64, parent: UInt64, isSampled: Bool, state: String) {
        traceHigh = high
        traceLow = low
        self.parent = parent
        self.isSampled = isSampled
        self.state = state
    }

    /// A trace that begins here, with random ids.
    package static func begun(
        isSampled: Bool, using generator: inout some RandomNumberGenerator
    ) -> TraceContext {
        TraceContext(
            high: generator.next(), low: nonZero(&generator), parent: nonZero(&generator),
            isSampled: isSampled,
            state: "")
    }

    /// The context to send on: the same trace, with a span of the gateway's own as parent.
    package func continued(using generator: inout some RandomNumberGenerator) -> TraceContext {
        TraceContext(
            high: traceHigh, low: traceLow, parent: Self.nonZero(&generator), isSampled: isSampled,
            state: state)
    }

    private static func nonZero(_ generator: inout some RandomNumberGenerator) -> UInt64 {
        while true {
            let value = generator.next()
            if value != 0 { return value }
        }
    }

    /// The value of a `traceparent` field, in version 00 whatever version was read.
    package var traceparent: String {
        String(unsafeUninitializedCapacity: 55) { text in
            let template: StaticString = "00-................................-................-00"
            _ = text.initialize(
                fromContentsOf: UnsafeBufferPointer(
                    start: template.utf8Start, count: template.utf8CodeUnitCount))
            Self.write(traceHigh, to: text, at: 3)
            Self.write(traceLow, to: text, at: 19)
            Self.write(parent, to: text, at: 36)
            if isSampled { text[54] = UInt8(ascii: "1") }
            return 55
        }
    }

    /// The trace's id in 32 hexadecimal digits, for logs.
    package var traceID: String { Self.traceID(traceHigh, traceLow) }

    /// The id of the trace with these halves.
    static func traceID(_ high: UInt64, _ low: UInt64) -> String {
        String(unsafeUninitializedCapacity: 32) { text in
            write(high, to: text, at: 0)
            write(low, to: text, at: 16)
            return 32
        }
    }

    /// Writes sixteen digits.
    private static func write(_ value: UInt64, to text: UnsafeMutableBufferPointer<UInt8>, at start: Int) {
        var rest = value
        for index in (start..<start + 16).reversed() {
            let digit = UInt8(truncatingIfNeeded: rest & 15)
            text[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
            rest >>= 4
        }
    }

    /// The number that at most 16 lower-case digits spell; upper case is malformed (§3.2.2.3).
    private static func hex(_ text: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for byte in text {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }

    private static func trimmed(_ text: String) -> ArraySlice<UInt8> {
        TraceState.trimmed(Array(text.utf8)[...])
    }
}
