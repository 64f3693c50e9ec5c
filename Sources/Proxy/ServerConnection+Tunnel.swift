import HTTPWire
import Synchronization
import Transport

/// Switching protocols (RFC 9110 §7.8): the one that is allowed, when the client has asked for it in due form and the
/// upstream has agreed. What the client sends before that stays here: an upstream that goes on with HTTP never sees it.
extension ServerConnection {
    /// Looks at a request for a switch on a route that allows one. Returns false when it has been refused.
    func mayStream(_ request: RequestHead) -> Bool {
        guard exchange.options.contains(.webSocket), request.asksForWebSocket else { return true }
        guard let fault = WebSocketHandshake.fault(in: request) else {
            exchange.asksForTunnel = true
            return true
        }
        shard.counters.tunnelsRefused.wrappingAdd(1, ordering: .relaxed)
        var response = Response(
            ProblemDocument(status: 400, detail: fault.reason), exchange.requestID)
        try? response.fields.add("Sec-WebSocket-Version", "13")
        respond(response, serial)
        return false
    }

    func upstreamSwitched(_ upstream: UpstreamConnection) -> Tunnel? {
        let head = upstream.parser.head
        guard phase == .exchanging, exchange.asksForTunnel, exchange.isRequestComplete, !exchange.isHeadSent,
            WebSocketHandshake.accepts(head)
        else { return nil }
        exchange.upstreamLatency = loop.now.nanoseconds(since: exchange.started)
        exchange.isHeadSent = true
        exchange.cancelHook = nil
        exchange.status = head.status
        exchange.upstream = nil
        let writer = answerWriter
        compose { writer.appendSwitch(head, to: &$0) }
        phase = .tunnel
        updateDeadline()
        let tunnel = Tunnel(client: self, upstream: upstream, limits: limits)
        self.tunnel = tunnel
        shard.counters.tunnels.wrappingAdd(1, ordering: .relaxed)
        shard.counters.tunnelsOpened.wrappingAdd(1, ordering: .relaxed)
        tunnel.takeEarly(fromClient: held)
        held = []
        return tunnel
    }

    /// The tunnel is over; its connections are about to be closed.
    func tunnelEnded(_ end: ExchangeOutcome.End, received: Int, sent: Int) {
        tunnel = nil
        phase = .lingering
        shard.counters.tunnels.wrappingSubtract(1, ordering: .relaxed)
        exchange.requestBodyBytes = received
        exchange.answerBodyBytes = sent
        tellOutcome(end)
        releaseExchange()
    }
}

extension RequestHead {
    /// Whether a switch to WebSocket is asked for, among others or alone.
    package var asksForWebSocket: Bool { asksForUpgrade && fields.lists("upgrade", "websocket") }
}

// MARK: Expectations

extension ServerConnection {
    /// Whether it is the upstream's to say if the body is to come.
    func leavesContinue(_ request: RequestHead) -> Bool {
        exchange.options.contains(.forwardsContinue) && request.expectsContinue && !exchange.hasContinued
            && exchange.requestBodyBytes == 0 && held.isEmpty
    }

    /// Leaves `Expect: 100-continue` to the upstream: the body stays with the client until it has answered, or has had the
    /// time to (RFC 9110 §10.1.1).
    func awaitContinue() {
        exchange.sink = .hold
        exchange.continueDeadline = loop.now.advanced(by: limits.continueTimeout)
        exchange.upstream?.sendNow()
        updateDeadline()
    }

    /// The body is to come, by the upstream's word or for want of one.
    func endAwaitingContinue() {
        exchange.continueDeadline = .never
        exchange.hasContinued = true
        exchange.sink = .stream
        wantBody()
    }
}
