import HTTPWire
import Testing

@Suite("Body framing of requests")
struct FramingTests {
    private func post(_ lines: String, _ body: String = "", limits: WireLimits = WireLimits()) -> [Seen] {
        requests(bytes: latin1("POST / HTTP/1.1\r\nHost: h\r\n\(lines)\r\n\r\n\(body)"), limits: limits)
    }

    @Test(
        "delivers exactly Content-Length bytes and leaves the next request in the buffer (RFC 9112 §6.3, §9.3.2)"
    )
    func lengthAndPipelining() {
        let seen = post("Content-Length: 3", "abcGET /2 HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(seen.count == 5)
        #expect(seen[1] == .body(Array("abc".utf8)))
        #expect(seen[2] == .end(HeaderList()))
        #expect(seen[4] == .end(HeaderList()))
    }

    @Test(
        "refuses a Content-Length that is not digits within range (RFC 9110 §8.6)",
        arguments: [
            "+5", "-5", "0x5", "5 5", "5,5", "5, 5", "", "five", "5.0", "5e1", "9223372036854775808",
            "99999999999999999999", "00000000000000000005", "\u{B2}", "5;", "٥",
        ])
    func refusesLength(value: String) {
        #expect(failure(of: post("Content-Length: \(value)", "hello")) == .malformedContentLength)
    }

    @Test("accepts a Content-Length padded with zeros, and bounds it only by the body limit")
    func paddedLength() {
        #expect(post("Content-Length: 0003", "abc")[1] == .body(Array("abc".utf8)))
        #expect(failure(of: post("Content-Length: 9223372036854775807")) == .bodyTooLarge)
    }

    @Test(
        "refuses Content-Length twice, even identical, and beside Transfer-Encoding (RFC 9112 §6.3)",
        arguments: [
            ("Content-Length: 5\r\nContent-Length: 5", FramingError.repeatedContentLength),
            ("Content-Length: 5\r\ncontent-length: 6", .repeatedContentLength),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked", .contentLengthWithTransferEncoding),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5", .contentLengthWithTransferEncoding),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .repeatedTransferEncoding),
            ("Content_Length: 5", .ambiguousFramingName),
            ("Transfer_Encoding: chunked", .ambiguousFramingName),
        ])
    func refusesTwice(lines: String, error: FramingError) {
        #expect(failure(of: post(lines, "hello")) == error)
    }

    @Test(
        "refuses every Transfer-Encoding but chunked, once and last (RFC 9112 §6.1)",
        arguments: [
            ("gzip", FramingError.unsupportedTransferEncoding),
            ("gzip, chunked", .unsupportedTransferEncoding),
            ("identity", .unsupportedTransferEncoding), ("xchunked", .unsupportedTransferEncoding),
            ("chunked, chunked", .malformedTransferEncoding),
            ("chunked, identity", .malformedTransferEncoding),
            ("chunked;q=1", .malformedTransferEncoding), ("\"chunked\"", .malformedTransferEncoding),
            ("", .malformedTransferEncoding), (",", .malformedTransferEncoding),
            (",chunked", .malformedTransferEncoding), ("chunked,", .malformedTransferEncoding),
            ("\u{A0}chunked", .malformedTransferEncoding), ("chunked\u{FF}", .malformedTransferEncoding),
            ("chun ked", .malformedTransferEncoding), ("chunked\u{0B}", .controlCharacter),
        ])
    func refusesCodings(value: String, error: FramingError) {
        #expect(failure(of: post("Transfer-Encoding: \(value)", "0\r\n\r\n")) == error)
        #expect(error.status == (error == .unsupportedTransferEncoding ? 501 : 400))
    }

    @Test("refuses Transfer-Encoding in HTTP/1.0 (RFC 9112 §6.1)")
    func refusesOldChunked() {
        let seen = requests("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        #expect(failure(of: seen) == .transferEncodingInOldVersion)
    }

    @Test("reads chunks, drops extensions and delivers trailers (RFC 9112 §7.1)")
    func chunks() throws {
        let body = "3\r\nabc\r\n0A;x;y=z;q=\"a\\\" b\"\r\n0123456789\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n"
        let seen = post("Transfer-Encoding: Chunked", body)
        #expect(seen[1] == .body(Array("abc0123456789".utf8)))
        #expect(seen[2] == .end(try HeaderList(["X-Sum": "1", "X-Sum": "2"])))
    }

    @Test(
        "refuses chunk framing that readers take differently (RFC 9112 §7.1, §7.1.1)",
        arguments: [
            ("3\nabc\r\n0\r\n\r\n", FramingError.bareLineFeed), ("3\r\nabc\n0\r\n\r\n", .malformedChunkEnd),
            ("3\r\nabcd\r\n0\r\n\r\n", .malformedChunkEnd), ("3\r\nab\r\n0\r\n\r\n", .malformedChunkEnd),
            ("3\r\nabc0\r\n\r\n", .malformedChunkEnd), ("3\r\nabc\r\r\n0\r\n\r\n", .malformedChunkEnd),
            ("+3\r\nabc\r\n0\r\n\r\n", .malformedChunkSize), ("-3\r\nabc\r\n", .malformedChunkSize),
            ("0x3\r\nabc\r\n", .malformedChunkSize), (" 3\r\nabc\r\n", .malformedChunkSize),
            ("3 \r\nabc\r\n", .malformedChunkSize), ("3\t;a\r\nabc\r\n", .malformedChunkSize),
            ("\r\nabc\r\n", .malformedChunkSize), (";a\r\nabc\r\n", .malformedChunkSize),
            ("3g\r\nabc\r\n", .malformedChunkSize), ("3_0\r\nabc\r\n", .malformedChunkSize),
            ("8000000000000000\r\nabc", .chunkSizeOverflow), ("10000000000000003\r\nabc", .chunkSizeOverflow),
            ("FFFFFFFFFFFFFFFF\r\nabc", .chunkSizeOverflow), ("00000000000000003\r\nabc", .chunkSizeOverflow),
            ("3;\r\nabc\r\n", .malformedChunkExtension), ("3;a=\r\nabc\r\n", .malformedChunkExtension),
            ("3;a=\"\r\nabc\r\n", .malformedChunkExtension), ("3;a b\r\nabc\r\n", .malformedChunkExtension),
            ("3;a\rb\r\nabc\r\n", .malformedChunkExtension), ("3;a\nabc\r\n", .bareLineFeed),
            ("3;a=\"\u{01}\"\r\nabc\r\n", .malformedChunkExtension),
            ("3;a=\"\\\"\r\nabc", .malformedChunkExtension),
            ("3\r\nabc\r\n0\r\n\n", .bareLineFeed), ("0\r\nX : 1\r\n\r\n", .spaceBeforeColon),
            ("0\r\nContent-Length: 5\r\n\r\n", .forbiddenTrailer),
            ("0\r\nHost: b\r\n\r\n", .forbiddenTrailer),
            ("0\r\nTransfer-Encoding: chunked\r\n\r\n", .forbiddenTrailer),
            ("0\r\n X: 1\r\n\r\n", .foldedLine),
        ])
    func refusesChunks(body: String, error: FramingError) {
        #expect(failure(of: post("Transfer-Encoding: chunked", body)) == error)
    }

    @Test(
        "the end of the stream inside a message is an error, between messages an orderly close (RFC 9112 §8)")
    func endOfInput() {
        let message = Array(
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".utf8)
        for cut in 0...message.count {
            var feeder = Feeder<RequestParser>()
            feeder.feed(message[..<cut])
            let outcome = feeder.parser.endOfInput(unconsumed: feeder.buffer.count)
            let expected: EndOfInput = cut == 0 || cut == message.count ? .clean : .failure(.truncated)
            #expect(outcome == expected, "cut at \(cut)")
        }
    }

    @Test("after an error nothing more is consumed, whatever follows (RFC 9112 §2.2)")
    func staysFailed() {
        var feeder = Feeder<RequestParser>()
        feeder.feed(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        feeder.feed(Array("GET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8))
        #expect(feeder.seen == [.failure(.missingHost)])
    }

    @Test("gives back memory between requests without losing its place")
    func releasesMemory() {
        var feeder = Feeder<RequestParser>()
        feeder.feed(Array("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n\r\nGE".utf8))
        #expect(feeder.parser.isBetweenMessages)
        feeder.parser.releaseMemory()
        feeder.feed(Array("T / HTTP/1.1\r\nHost: h\r\n\r\n".utf8))
        #expect(feeder.seen.count == 4)
    }

    @Test("what a long head took is told, and given back where it is more than is to be kept")
    func releasesLongHeads() {
        let value = String(repeating: "v", count: 10_000)
        var requests = Feeder<RequestParser>()
        requests.feed(Array("GET /\(value.prefix(4_000)) HTTP/1.1\r\nHost: h\r\nA: \(value)\r\n\r\n".utf8))
        #expect(requests.parser.heldBytes >= 14_000)
        requests.parser.releaseMemory(beyond: 100_000)
        #expect(requests.parser.heldBytes >= 14_000)
        requests.parser.releaseMemory(beyond: 2_000)
        #expect(requests.parser.heldBytes == 0)
        var answers = ResponseParser()
        answers.begin(method: .get)
        let answer = Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: \(value)\r\n\r\n".utf8)
        let head = answers.next(answer.span)
        #expect(head.event == .head && answers.heldBytes >= 10_000)
        let rest = Array(answer[head.consumed...])
        let end = answers.next(rest.span).event
        #expect(end == .end)
        answers.releaseMemory(beyond: 2_000)
        #expect(answers.heldBytes == 0)
    }

    @Test("head and trailers of an unfinished or failed message can be looked at without harm")
    func looksAreHarmless() {
        let message =
            "POST /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA: 1\r\nB: 22222\r\n\r\n"
        var feeder = Feeder<RequestParser>()
        for byte in Array((message + message + "GET /2 HTTP/1.1\r\nX: 1\r\nY : 2\r\n").utf8) {
            feeder.feed([byte])
            for list in [feeder.parser.head.fields, feeder.parser.trailers] {
                for index in 0..<list.count { #expect(!list.name(at: index).isEmpty) }
            }
        }
        #expect(feeder.seen.last == .failure(.spaceBeforeColon))
    }
}
