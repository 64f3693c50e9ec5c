import HTTPWire
import Testing

@Suite("Responses of an upstream")
struct ResponseParserTests {
    private func head(_ text: String, to method: Method = .get) -> ResponseHead? {
        if case .response(let head) = responses(text, to: method).first { return head }
        return nil
    }

    @Test("reads status, reason, fields and body (RFC 9112 §4)")
    func readsResponse() throws {
        let seen = responses("HTTP/1.1 404 Not  Found\r\nContent-Length: 2\r\n\r\nno")
        guard case .response(let head) = seen[0] else { return #expect(Bool(false)) }
        #expect(head.status == 404)
        #expect(String(decoding: head.reason, as: UTF8.self) == "Not  Found")
        #expect(head.framing == .length(2))
        #expect(seen[1...] == [.body(Array("no".utf8)), .end(HeaderList())])
    }

    @Test(
        "takes an empty reason with and without its space (RFC 9112 §4)",
        arguments: ["HTTP/1.1 200 ", "HTTP/1.1 200"])
    func emptyReason(line: String) throws {
        #expect(try #require(head("\(line)\r\nContent-Length: 0\r\n\r\n")).reason.isEmpty)
    }

    @Test(
        "refuses malformed status lines (RFC 9112 §4)",
        arguments: [
            ("HTTP/1.1 20 OK", FramingError.malformedStatusLine), ("HTTP/1.1 2000 OK", .malformedStatusLine),
            ("HTTP/1.1 099 X", .malformedStatusLine), ("HTTP/1.1  200 OK", .malformedStatusLine),
            ("HTTP/1.1 +20 OK", .malformedStatusLine), ("HTTP/1.1 200 \u{01}", .malformedStatusLine),
            ("HTTP/1.1 200\tOK", .malformedStatusLine), ("HTTP/2.0 200 OK", .unsupportedVersion),
            ("HTTX/1.1 200 OK", .malformedVersion), ("ICY 200 OK xxx", .malformedStatusLine),
            ("", .malformedStatusLine),
        ])
    func refusesStatusLines(line: String, error: FramingError) {
        #expect(failure(of: responses("\(line)\r\nContent-Length: 0\r\n\r\n")) == error)
    }

    @Test(
        "knows by request method and status that there is no body (RFC 9112 §6.3)",
        arguments: [
            (Method.head, "200 OK", "Content-Length: 5"), (.head, "200 OK", "Transfer-Encoding: chunked"),
            (.get, "304 Not Modified", "Content-Length: 5"), (.get, "204 No Content", "X: 1"),
            (.get, "204 No Content", "Content-Length: 0"), (.head, "404 Not Found", "X: 1"),
        ])
    func bodiless(method: Method, status: String, line: String) throws {
        let seen = responses("HTTP/1.1 \(status)\r\n\(line)\r\n\r\n", to: method)
        guard case .response(let head) = seen[0] else { return #expect(Bool(false)) }
        #expect(head.framing == .none)
        #expect(head.keepsAlive)
        #expect(seen[1] == .end(HeaderList()))
    }

    @Test(
        "refuses a body declared where there can be none (RFC 9110 §8.6, RFC 9112 §6.1)",
        arguments: [
            ("204 No Content", "Content-Length: 5"), ("204 No Content", "Transfer-Encoding: chunked"),
            ("100 Continue", "Content-Length: 5"), ("103 Early Hints", "Transfer-Encoding: chunked"),
        ])
    func bodyNotAllowed(status: String, line: String) {
        #expect(failure(of: responses("HTTP/1.1 \(status)\r\n\(line)\r\n\r\n")) == .bodyNotAllowed)
    }

    @Test("passes interim heads apart from the final one (RFC 9110 §15.2)")
    func interim() throws {
        let text =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 X\r\n\r\n"
        let seen = responses(text)
        guard case .interim(let first) = seen[0], case .interim(let second) = seen[1],
            case .response(let final) = seen[2]
        else { return #expect(Bool(false)) }
        #expect([first.status, second.status, final.status] == [100, 103, 204])
        #expect(second.fields.value("link") == "</a>")
        #expect(final.fields.isEmpty)
    }

    @Test(
        "101, and 2xx to CONNECT, end in a tunnel whatever the fields say (RFC 9110 §15.2.2, RFC 9112 §6.3)",
        arguments: [
            (Method.get, "HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n"), (.connect, "HTTP/1.1 200 OK\r\n\r\n"),
            (.connect, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        ])
    func tunnels(method: Method, text: String) throws {
        var parser = ResponseParser()
        parser.begin(method: method)
        let bytes = Array((text + "raw").utf8)
        let step = parser.next(bytes.span)
        #expect(step.event == .head)
        #expect(parser.head.framing == .tunnel)
        #expect(bytes.count - step.consumed == 3)
    }

    @Test("a body without length ends when the connection does (RFC 9112 §6.3)")
    func untilClose() {
        var feeder = Feeder<ResponseParser>()
        feeder.feed(Array("HTTP/1.0 200 OK\r\n\r\nabc".utf8))
        feeder.feed(Array("def".utf8))
        #expect(feeder.seen.last == .body(Array("abcdef".utf8)))
        #expect(feeder.parser.head.keepsAlive == false)
        let outcome = feeder.parser.endOfInput(unconsumed: 0)
        #expect(outcome == .completesMessage)
        #expect(feeder.parser.isBetweenMessages)
    }

    @Test("a body until close is bounded too: the limit is the only end it may have")
    func untilCloseBounded() {
        let text = "HTTP/1.1 200 OK\r\n\r\nabcdef"
        #expect(failure(of: responses(text, limits: WireLimits(bodyBytesMax: 6))) == nil)
        #expect(failure(of: responses(text, limits: WireLimits(bodyBytesMax: 5))) == .bodyTooLarge)
    }

    @Test("a short body is truncated, never complete (RFC 9112 §8)")
    func truncated() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "HTTP/1.1 200 O", "", "HTTP/1.1 100 C\r\n\r\n",
        ] {
            var feeder = Feeder<ResponseParser>()
            feeder.feed(Array(text.utf8))
            let outcome = feeder.parser.endOfInput(unconsumed: feeder.buffer.count)
            #expect(outcome == .failure(.truncated))
        }
    }

    @Test(
        "bytes before any request are an error, so that a poisoned pooled connection is seen (RFC 9112 §9.2)")
    func unexpected() {
        var parser = ResponseParser()
        let bytes = Array("HTTP/1.1 200 OK\r\n\r\n".utf8)
        let event = parser.next(bytes.span).event
        #expect(event == .failure(.unexpectedBytes))
        var idle = ResponseParser()
        let outcome = idle.endOfInput(unconsumed: 0)
        #expect(outcome == .clean)
    }

    @Test("bytes behind a response stay unread and fail when no request awaits them (RFC 9112 §9.2)")
    func responseSplitting() {
        var parser = ResponseParser()
        parser.begin(method: .head)
        let bytes = Array("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc".utf8)
        let step = parser.next(bytes.span)
        let rest = Array(bytes[step.consumed...])
        let events = [parser.next(rest.span).event, parser.next(rest.span).event]
        #expect(events == [.end, .failure(.unexpectedBytes)])
    }

    @Test(
        "is as strict about length as for requests (RFC 9112 §6.3)",
        arguments: [
            ("Content-Length: 5\r\nContent-Length: 5", FramingError.repeatedContentLength),
            ("Content-Length: +5", .malformedContentLength), ("Content-Length: 5,5", .malformedContentLength),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked", .contentLengthWithTransferEncoding),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .repeatedTransferEncoding),
            ("Transfer-Encoding: gzip, chunked", .unsupportedTransferEncoding),
            ("Transfer-Encoding : chunked", .spaceBeforeColon), ("A: 1\r\n b", .foldedLine),
            ("A: 1\nB: 2", .bareLineFeed),
        ])
    func strict(lines: String, error: FramingError) {
        #expect(failure(of: responses("HTTP/1.1 200 OK\r\n\(lines)\r\n\r\nhello")) == error)
    }

    @Test("refuses chunked in HTTP/1.0 (RFC 9112 §6.1)")
    func oldChunked() {
        let seen = responses("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        #expect(failure(of: seen) == .transferEncodingInOldVersion)
    }
}
