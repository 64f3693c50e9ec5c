import HTTPWire
import Testing

/// Each limit is met exactly and missed by one, with the stream cut anywhere.
@Suite("Limits")
struct LimitTests {
    private func outcome(_ text: String, _ limits: WireLimits) -> FramingError? {
        let bytes = Array(text.utf8)
        let whole = failure(of: requests(bytes: bytes, limits: limits))
        var feeder = Feeder<RequestParser>(limits: limits)
        for byte in bytes { feeder.feed([byte]) }
        #expect(failure(of: feeder.seen) == whole)
        return whole
    }

    @Test("bounds the request line as it arrives: 414 (RFC 9112 §3)")
    func requestLine() {
        let line = "GET /" + String(repeating: "a", count: 100) + " HTTP/1.1\r\n"
        let rest = "Host: h\r\n\r\n"
        #expect(outcome(line + rest, WireLimits(startLineBytesMax: line.utf8.count)) == nil)
        let short = WireLimits(startLineBytesMax: line.utf8.count - 1)
        #expect(outcome(line + rest, short) == .startLineTooLong)
        #expect(outcome(String(repeating: "A", count: 200), short) == .startLineTooLong)
        #expect(FramingError.startLineTooLong.status == 414)
    }

    @Test("bounds the head as it arrives: 431 (RFC 9110 §5.4)")
    func headBytes() {
        let head = "GET / HTTP/1.1\r\nHost: h\r\nX: " + String(repeating: "x", count: 50) + "\r\n\r\n"
        #expect(outcome(head, WireLimits(headBytesMax: head.utf8.count)) == nil)
        #expect(outcome(head, WireLimits(headBytesMax: head.utf8.count - 1)) == .headTooLarge)
        #expect(FramingError.headTooLarge.status == 431)
    }

    @Test("never holds more than the head limit of an endless head")
    func holdsNoMore() {
        var feeder = Feeder<RequestParser>(limits: WireLimits(headBytesMax: 1000))
        feeder.feed(Array("GET / HTTP/1.1\r\n".utf8))
        for _ in 0..<2000 where failure(of: feeder.seen) == nil { feeder.feed([0x61]) }
        #expect(failure(of: feeder.seen) == .headTooLarge)
        #expect(feeder.heldMax <= 1000)
    }

    @Test("bounds the number of fields: 431")
    func fieldCount() {
        let head = "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n\r\n"
        #expect(outcome(head, WireLimits(headerCountMax: 3)) == nil)
        #expect(outcome(head, WireLimits(headerCountMax: 2)) == .tooManyFields)
        #expect(FramingError.tooManyFields.status == 431)
    }

    private static let chunkedHead = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

    @Test("bounds the body by declared length and by chunks, before any of it is delivered: 413")
    func bodyBytes() {
        let fixed = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
        #expect(outcome(fixed, WireLimits(bodyBytesMax: 5)) == nil)
        #expect(outcome(fixed, WireLimits(bodyBytesMax: 4)) == .bodyTooLarge)
        let chunked = Self.chunkedHead + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        #expect(outcome(chunked, WireLimits(bodyBytesMax: 5)) == nil)
        #expect(outcome(chunked, WireLimits(bodyBytesMax: 4)) == .bodyTooLarge)
        #expect(FramingError.bodyTooLarge.status == 413)
    }

    @Test("a route may lower or raise the body limit once the head is known")
    func routeLimit() {
        var parser = RequestParser(limits: WireLimits(bodyBytesMax: 4))
        let bytes = Array("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello".utf8)
        let first = parser.next(bytes.span)
        #expect(first.event == .head)
        var lowered = parser
        lowered.limitBody(to: 3)
        parser.limitBody(to: 5)
        let rest = Array(bytes[first.consumed...])
        #expect(parser.next(rest.span).event == .body(0..<5))
        #expect(lowered.next(rest.span).event == .failure(.bodyTooLarge))
    }

    @Test("bounds chunk-size lines and the sum of chunk extensions (RFC 9112 §7.1.1)")
    func chunkLines() {
        let chunked = Self.chunkedHead + "3;abc\r\nabc\r\n3;abcd\r\nabc\r\n0\r\n\r\n"
        #expect(outcome(chunked, WireLimits(chunkLineBytesMax: 8)) == nil)
        #expect(outcome(chunked, WireLimits(chunkLineBytesMax: 7)) == .chunkLineTooLong)
        #expect(outcome(chunked, WireLimits(chunkExtensionBytesMax: 9)) == nil)
        #expect(outcome(chunked, WireLimits(chunkExtensionBytesMax: 8)) == .chunkExtensionsTooLarge)
    }

    @Test("bounds trailers by bytes and number: 431 (RFC 9112 §7.1.2)")
    func trailers() {
        let section = "A: 1\r\nB: 2\r\n\r\n"
        let message = Self.chunkedHead + "0\r\n" + section
        #expect(outcome(message, WireLimits(trailerBytesMax: section.utf8.count, trailerCountMax: 2)) == nil)
        #expect(outcome(message, WireLimits(trailerBytesMax: section.utf8.count - 1)) == .trailersTooLarge)
        #expect(outcome(message, WireLimits(trailerCountMax: 1)) == .tooManyTrailers)
        #expect(FramingError.trailersTooLarge.status == 431)
    }

    @Test("every error has a clause, a sentence, a status a client can act on, and closes the connection")
    func errorsExplainThemselves() {
        let statuses: Set<Int> = [400, 413, 414, 417, 431, 501, 505]
        for error in FramingError.allCases {
            #expect(error.clause.hasPrefix("RFC 91"))
            #expect(error.description.hasSuffix("(\(error.clause))"))
            #expect(statuses.contains(error.status))
            #expect(error.mustClose)
            #expect(
                error.name.allSatisfy { $0 == "-" || "a"..."z" ~= $0 || "0"..."9" ~= $0 }, "\(error.name)")
        }
        #expect(FramingError.bareLineFeed.name == "bare-line-feed")
    }

    @Test("Connection may list a number of options, in all its lines", arguments: [16, 17])
    func connectionOptions(count: Int) {
        let line = "Connection: " + (0..<count).map { "x\($0)" }.joined(separator: ", ") + "\r\n"
        let seen = requests("GET / HTTP/1.1\r\nHost: a\r\n" + line + line + "\r\n")
        #expect(failure(of: seen) == (count > 16 ? .tooManyConnectionOptions : nil))
    }
}
