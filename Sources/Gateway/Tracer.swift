import HTTPWire
import Metrics
import Settings
import Synchronization

/// Gives each request its place in a trace across services.
///
/// Source: W3C Trace Context, level 1.
final class Tracer: Sendable {
    private let settings: TracingSettings
    private let ids = TraceIDs()

    init(_ settings: TracingSettings) { self.settings = settings }

    /// The trace of a request, which `fields` then carry on with a span of the gateway's own; nil when it has none.
    func adopt(_ fields: inout HeaderList) -> TraceContext? {
        guard settings.mode != .off else { return nil }
        var generator = TraceIDs.Generator(ids: ids)
        let received = fields.contains("traceparent") ? received(fields) : nil
        let context: TraceContext
        if let received {
            context = received.continued(using: &generator)
        } else if settings.mode == .begin {
            context = .begun(isSampled: settings.isSampled, using: &generator)
        } else {
            return nil
        }
        // Both are plain text by their form. A state without its trace, or a malformed one, is not passed on (§3.3.1.3).
        try? fields.set("traceparent", context.traceparent)
        fields.remove("tracestate")
        if !context.state.isEmpty { try? fields.set("tracestate", context.state) }
        return context
    }

    private func received(_ fields: HeaderList) -> TraceContext? {
        TraceContext(traceparent: fields.values("traceparent"), tracestate: fields.values("tracestate"))
    }
}

/// Where ids of traces and spans come from. They have to differ, not to be secret, so the system's randomness is asked once
/// and not for every request.
///
/// Source: Steele, Lea, Flood 2014, SplitMix64.
private final class TraceIDs: Sendable {
    private let state: Atomic<UInt64>

    /// Begins somewhere at random.
    init() { state = Atomic(UInt64.random(in: 0 ... .max)) }

    private func next() -> UInt64 {
        var bits = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }

    struct Generator: RandomNumberGenerator {
        let ids: TraceIDs
        mutating func next() -> UInt64 { ids.next() }
    }
}
