import HTTPWire
import Metrics
import Proxy
import Settings

/// Gives each request its place in a trace across services.
///
/// Source: W3C Trace Context, level 1.
final class Tracer: Sendable {
    private let settings: TracingSettings

    init(_ settings: TracingSettings) { self.settings = settings }

    /// The trace of a request, which is passed on with a span of the gateway's own; nil when it has none.
    func adopt(_ exchange: Exchange) -> TraceContext? {
        guard settings.mode != .off else { return nil }
        var generator = IDs(exchange: exchange)
        let mayBeTold = exchange.carriesTrace
        let isTold = mayBeTold && exchange.request.fields.contains("traceparent")
        let received = isTold ? received(exchange.request.fields) : nil
        let context: TraceContext
        if let received {
            context = received.continued(using: &generator)
        } else if settings.mode == .begin {
            context = .begun(isSampled: settings.isSampled, using: &generator)
        } else {
            return nil
        }
        let isInFields = isTold || mayBeTold && exchange.request.fields.contains("tracestate")
        if isInFields { write(context, to: &exchange.request.fields) }
        exchange.attach(
            trace: TraceParent(
                high: context.traceHigh, low: context.traceLow, span: context.parent,
                isSampled: context.isSampled, isInFields: isInFields))
        return context
    }

    /// Both are plain text by their form. A state without its trace, or a malformed one, is not passed on (§3.3.1.3).
    private func write(_ context: TraceContext, to fields: inout HeaderList) {
        try? fields.set("traceparent", context.traceparent)
        fields.remove("tracestate")
        if !context.state.isEmpty { try? fields.set("tracestate", context.state) }
    }

    private func received(_ fields: HeaderList) -> TraceContext? {
        TraceContext(traceparent: fields.values("traceparent"), tracestate: fields.values("tracestate"))
    }
}

/// Where ids of traces and spans come from: they have to differ, not to be secret.
private struct IDs: RandomNumberGenerator {
    let exchange: Exchange
    mutating func next() -> UInt64 { exchange.nextID() }
}
