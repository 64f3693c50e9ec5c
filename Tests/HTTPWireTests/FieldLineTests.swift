import HTTPWire
import Testing

@Suite("Header lines")
struct FieldLineTests {
    private func outcome(_ lines: String) -> FramingError? {
        failure(of: requests(bytes: latin1("GET / HTTP/1.1\r\n\(lines)\r\n\r\n")))
    }

    @Test(
        "refuses header lines that readers split differently (RFC 9112 §5, §2.2)",
        arguments: [
            ("Host: h\r\nA : 1", FramingError.spaceBeforeColon), ("Host: h\r\nA\t: 1", .spaceBeforeColon),
            ("Host: h\r\nA: 1\r\n 2", .foldedLine), ("Host: h\r\n\tB: 2", .foldedLine),
            (" Host: h", .foldedLine),
            ("Host: h\r\n: 1", .emptyFieldName), ("Host: h\r\nA", .missingColon),
            ("Host: h\r\nA\r\nB: 1", .missingColon),
            ("Host: h\r\nA@: 1", .malformedFieldName), ("Host: h\r\nA\u{E9}: 1", .malformedFieldName),
            ("Host: h\r\nA\0: 1", .malformedFieldName), ("Host: h\r\n(A): 1", .malformedFieldName),
            ("Host: h\nA: 1", .bareLineFeed), ("Host: h\r\nA: 1\n", .bareLineFeed),
            ("\nHost: h", .bareLineFeed),
            ("Host: h\r\nA: 1\rB: 2", .bareCarriageReturn), ("Host: h\r\nA: 1\r\r\n", .bareCarriageReturn),
            ("Host: h\r\nA: 1\0", .controlCharacter), ("Host: h\r\nA: \u{7F}", .controlCharacter),
            ("Host: h\r\nA: 12345678\u{08}90", .controlCharacter),
            ("Host: h\r\nA: \u{0B}1", .controlCharacter),
            ("Host: h\r\nA: 1\u{0C}", .controlCharacter), ("Host: h\r\nA\r: 1", .malformedFieldName),
        ])
    func refuses(lines: String, error: FramingError) {
        #expect(outcome(lines) == error)
        #expect(error.status == 400)
        #expect(error.mustClose)
    }

    @Test("refuses every control character but HTAB at every place of a long value (RFC 9110 §5.5)")
    func everyControl() {
        for control in [UInt8](0...0x1F) + [0x7F] where control != 0x09 && control != 0x0A {
            for place in 1..<20 {
                var bytes = Array("GET / HTTP/1.1\r\nHost: h\r\nA: xxxxxxxxxxxxxxxxxxxxxx\r\n\r\n".utf8)
                bytes[29 + place] = control
                #expect(failure(of: requests(bytes: bytes)) != nil, "control \(control) at \(place)")
            }
        }
    }

    @Test("takes HTAB and bytes over 127 inside a value (RFC 9110 §5.5)")
    func acceptsTabAndText() throws {
        let seen = requests(bytes: latin1("GET / HTTP/1.1\r\nHost: h\r\nA: a\tb\u{E9}12345678\u{FF}\r\n\r\n"))
        guard case .request(let head) = seen.first else { throw Missing() }
        #expect(head.fields.withValue(at: 1) { Array($0) } == latin1("a\tb\u{E9}12345678\u{FF}"))
    }

    private struct Missing: Error {}

    @Test(
        "requires exactly one well-formed Host in HTTP/1.1 (RFC 9112 §3.2)",
        arguments: [
            ("X: 1", FramingError.missingHost), ("Host: a\r\nHost: a", .repeatedHost),
            ("Host: a\r\nhOST: b", .repeatedHost), ("Host: a b", .malformedHost), ("Host:", .malformedHost),
            ("Host: a,b", .malformedHost), ("Host: u@a", .malformedHost), ("Host: a/b", .malformedHost),
            ("Host: a:", .malformedHost), ("Host: a:-1", .malformedHost), ("Host: a:65536", .malformedHost),
            ("Host: [:::]", .malformedHost), ("Host: [1]", .malformedHost),
            ("Host: [1::2::3]", .malformedHost),
            ("Host: [12345::]", .malformedHost), ("Host: [1:2:3:4:5:6:7]", .malformedHost),
            ("Host: [1:2:3:4:5:6:7:8:9]", .malformedHost), ("Host: [:1::]", .malformedHost),
            ("Host: [::1:]", .malformedHost), ("Host: [::1.2.3]", .malformedHost),
            ("Host: [::1.2.3.256]", .malformedHost), ("Host: [1:2:3:4:5:6:7::8]", .malformedHost),
            ("Host: [::1", .malformedHost), ("Host: [::1]x", .malformedHost), ("Host: []", .malformedHost),
            ("Host: a%00", .malformedHost), ("Host: a:+8", .malformedHost), ("Host: :80", .malformedHost),
        ])
    func hosts(lines: String, error: FramingError) {
        #expect(outcome(lines) == error)
    }

    @Test(
        "accepts names, addresses and ports as Host",
        arguments: ["a", "a_b.c-d:8080", "127.0.0.1", "[::1]:443", "A~1"])
    func goodHosts(host: String) {
        #expect(outcome("Host: \(host)") == nil)
    }

    @Test("HTTP/1.0 needs no Host (RFC 9112 §3.2)")
    func oldVersionWithoutHost() {
        #expect(failure(of: requests("GET / HTTP/1.0\r\n\r\n")) == nil)
    }

    @Test(
        "tells from version and Connection whether the connection lives on (RFC 9112 §9.3)",
        arguments: [
            ("HTTP/1.1", "X: 1", true), ("HTTP/1.1", "Connection: close", false),
            ("HTTP/1.1", "Connection: foo , CLOSE", false), ("HTTP/1.0", "X: 1", false),
            ("HTTP/1.0", "Connection: Keep-Alive", true),
            ("HTTP/1.0", "Connection: keep-alive, close", false),
            ("HTTP/1.1", "Connection: closed", true),
            ("HTTP/1.1", "Connection: a\r\nConnection: close", false),
        ])
    func persistence(version: String, line: String, lives: Bool) throws {
        #expect(try #require(firstHead("GET / \(version)\r\nHost: h\r\n\(line)\r\n\r\n")).keepsAlive == lives)
    }

    @Test(
        "knows 100-continue, answers 417 to other expectations, ignores them in HTTP/1.0 (RFC 9110 §10.1.1)")
    func expectations() throws {
        let tail = "Content-Length: 1\r\n\r\n"
        let head = try #require(firstHead("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n\(tail)"))
        #expect(head.expectsContinue)
        let without = try #require(firstHead("GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n"))
        #expect(!without.expectsContinue)
        let old = try #require(firstHead("PUT / HTTP/1.0\r\nExpect: foo\r\n\(tail)"))
        #expect(!old.expectsContinue)
        #expect(outcome("Host: h\r\nExpect: foo") == .unsupportedExpectation)
        #expect(FramingError.unsupportedExpectation.status == 417)
    }

    @Test("sees a wish to upgrade only when Connection names it (RFC 9110 §7.8)")
    func upgrades() throws {
        let yes = "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
        let no = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n"
        #expect(try #require(firstHead(yes)).asksForUpgrade)
        #expect(try #require(firstHead(no)).asksForUpgrade == false)
    }
}
