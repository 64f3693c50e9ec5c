import Transport

/// What exchanges are served by: one validated configuration, immutable.
///
/// Each loop holds a reference of its own and changes it between two events, so that asking for it costs neither a lock
/// nor an atomic operation. An exchange keeps the one it began with, and with it everything that its handler refers to.
final class ServerGeneration: Sendable {
    /// Tells generations of one server apart; grows.
    let number: Int
    let settings: ProxySettings
    let handler: any RequestHandler
    /// When requests are turned away.
    let overload: Overload.Bounds

    init(number: Int, settings: ProxySettings, handler: any RequestHandler) {
        self.number = number
        self.settings = settings
        self.handler = handler
        overload = Overload.Bounds(settings.limits)
    }
}

/// A loop's share in a listener, whose TLS a new generation may change. Confined to its loop.
final class ListenerShare {
    var listener: Listener
    var channel: ListenerChannel?

    init(_ listener: Listener) { self.listener = listener }
}
