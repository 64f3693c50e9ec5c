/// What is done about traces across services (W3C Trace Context).
package struct TracingSettings: Sendable, Equatable {
    /// What happens to a request's `traceparent`.
    package enum Mode: String, Sendable, CaseIterable {
        /// A client's trace is taken over; without one a trace begins here.
        case begin
        /// A client's trace is taken over; none begins here.
        case `continue`
        /// The fields pass as they came.
        case off
    }

    /// What happens to a request's `traceparent`.
    package var mode: Mode
    /// Whether traces that begin here are marked as recorded.
    package var isSampled: Bool

    init(reading section: Section) {
        mode = section.value(
            "mode", .choice(), default: .begin,
            "`begin` takes over a client's trace or begins one, `continue` only takes over, `off` passes the fields as they came."
        )
        isSampled = section.value(
            "sampled", .boolean, default: true,
            "Whether traces that begin here are marked as recorded; most upstreams record none of the others."
        )
    }
}
