import Testing

@testable import HTTPWire

@Suite("WebSocket handshake")
struct WebSocketHandshakeTests {
    private func request(_ text: String) throws -> RequestHead {
        var parser = RequestParser()
        let step = parser.next(Array(text.utf8).span)
        #expect(step.event == .head)
        return parser.head
    }

    private let example =
        "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

    @Test("the example of RFC 6455 §1.3 is in order")
    func ofTheStandard() throws { #expect(WebSocketHandshake.fault(in: try request(example)) == nil) }

    @Test(
        "what RFC 6455 §4.2.1 asks for and is missing or wrong is told",
        arguments: [
            ("GET", "PUT", WebSocketHandshake.Fault.notAPlainGet),
            ("Host: h", "Host: h\r\nContent-Length: 1", .notAPlainGet),
            ("HTTP/1.1", "HTTP/1.0", .notAPlainGet), ("b25jZQ==", "b25jZQ=", .malformedKey),
            ("b25jZQ==", "b25jZQ=!", .malformedKey), ("Sec-WebSocket-Key", "X-Key", .malformedKey),
            ("Host: h", "Host: h\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", .malformedKey),
            ("Sec-WebSocket-Version: 13", "X: 1", .malformedVersion), (": 13", ": 8", .unsupportedVersion),
            (": 13", ": 13\r\nSec-WebSocket-Version: 8", .malformedVersion),
        ])
    func faults(old: String, new: String, fault: WebSocketHandshake.Fault) throws {
        let parts = example.split(separator: old, maxSplits: 1, omittingEmptySubsequences: false)
        #expect(parts.count == 2)
        let head = try request(parts.joined(separator: new))
        #expect(WebSocketHandshake.fault(in: head) == fault)
        #expect(fault.reason.contains("RFC 6455"))
    }

    @Test("a 101 counts when it names websocket alone, on this connection, with a proof (RFC 6455 §4.2.2)")
    func answers() throws {
        let proof: KeyValuePairs = [
            "Upgrade": "WebSocket", "Connection": "upgrade",
            "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ]
        #expect(WebSocketHandshake.accepts(ResponseHead(status: 101, fields: try HeaderList(proof))))
        #expect(!WebSocketHandshake.accepts(ResponseHead(status: 200, fields: try HeaderList(proof))))
        for (name, value) in [
            ("Upgrade", "h2c"), ("Upgrade", "websocket, h2c"), ("Connection", "close"),
            ("Sec-WebSocket-Accept", "x"),
        ] {
            var fields = try HeaderList(proof)
            try fields.set(name, value)
            #expect(
                !WebSocketHandshake.accepts(ResponseHead(status: 101, fields: fields)), "\(name): \(value)")
        }
    }
}
