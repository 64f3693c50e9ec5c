import Buffers

/// What a request that is streamed may do beyond being asked and answered.
package struct StreamOptions: OptionSet, Sendable {
    /// Its bits.
    package let rawValue: UInt8

    /// From its bits.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// It may turn the connection into a tunnel for WebSocket (RFC 6455) when the upstream agrees.
    package static let webSocket = StreamOptions(rawValue: 1)
    /// `Expect: 100-continue` is the upstream's to answer (RFC 9110 §10.1.1); otherwise the proxy answers it.
    package static let forwardsContinue = StreamOptions(rawValue: 2)
}

/// What the proxy says to the upstream of its own connection, by what the client has said of its.
struct UpstreamOptions: OptionSet {
    let rawValue: UInt8
    /// `Expect: 100-continue`
    static let expectsContinue = UpstreamOptions(rawValue: 1)
    /// `TE: trailers`
    static let acceptsTrailers = UpstreamOptions(rawValue: 2)
    /// `Upgrade: websocket`
    static let webSocket = UpstreamOptions(rawValue: 4)

    /// Appends their fields. A field that concerns one connection is named in `Connection` (RFC 9110 §7.6.1).
    func append(to output: inout ByteBuffer) {
        if contains(.webSocket) {
            output.append("Connection: Upgrade\r\nUpgrade: websocket\r\n")
        } else if contains(.acceptsTrailers) {
            output.append("Connection: TE\r\nTE: trailers\r\n")
        }
        if contains(.expectsContinue) { output.append("Expect: 100-continue\r\n") }
    }
}
