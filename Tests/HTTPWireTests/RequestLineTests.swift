import HTTPWire
import Testing

@Suite("Request lines")
struct RequestLineTests {
    @Test("reads method, target, version and fields in order and case (RFC 9112 §3, §5)")
    func readsHead() throws {
        let head = try #require(
            firstHead("PATCH /a/b?c=d%20e HTTP/1.1\r\nHOST: h\r\nx-A:\t1 \r\nX-a:\r\n\r\n"))
        #expect(head.method == .patch)
        #expect(head.target.path == "/a/b")
        #expect(head.target.query == "c=d%20e")
        #expect(head.version == .http11)
        #expect((0..<3).map { head.fields.name(at: $0) } == ["HOST", "x-A", "X-a"])
        #expect(head.fields.values("X-A") == ["1", ""])
        #expect(head.framing == .none)
        #expect(head.keepsAlive)
    }

    @Test(
        "refuses a request line that is not METHOD SP target SP version (RFC 9112 §3)",
        arguments: [
            ("GET / HTTP/1.1 ", FramingError.malformedRequestLine), ("GET  / HTTP/1.1", .malformedTarget),
            ("GET /  HTTP/1.1", .malformedTarget), ("GET\t/ HTTP/1.1", .malformedMethod),
            ("GET /\tHTTP/1.1", .malformedRequestLine), ("GET /", .malformedRequestLine),
            ("GET", .malformedRequestLine), (" GET / HTTP/1.1", .malformedRequestLine),
            ("G@T / HTTP/1.1", .malformedMethod), ("GET / HTTP/1.1\u{0B}", .malformedRequestLine),
            ("GET /a b HTTP/1.1", .malformedTarget), ("\u{16}\u{03}\u{01}", .malformedRequestLine),
            ("GET / HTTP/1.1\0", .malformedRequestLine), ("GET /\r HTTP/1.1", .malformedTarget),
        ])
    func refusesMalformed(line: String, error: FramingError) {
        #expect(failure(of: requests("\(line)\r\nHost: h\r\n\r\n")) == error)
        #expect(error.status == 400)
    }

    @Test(
        "answers 505 to other versions and 400 to what is none (RFC 9112 §2.3)",
        arguments: [
            ("HTTP/2.0", FramingError.unsupportedVersion), ("HTTP/1.2", .unsupportedVersion),
            ("HTTP/0.9", .unsupportedVersion), ("HTTP/3.0", .unsupportedVersion),
            ("http/1.1", .malformedVersion),
            ("HTTP/1,1", .malformedVersion), ("HTTP/+.1", .malformedVersion), ("HTTPS/1.", .malformedVersion),
        ])
    func refusesVersions(version: String, error: FramingError) {
        #expect(failure(of: requests("GET / \(version)\r\nHost: h\r\n\r\n")) == error)
        #expect(error.status == (error == .unsupportedVersion ? 505 : 400))
    }

    @Test("answers the HTTP/2 preface with 505 (RFC 9113 §3.4)")
    func refusesHTTP2() {
        #expect(failure(of: requests("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) == .unsupportedVersion)
    }

    @Test("skips a couple of empty lines before the request line and no more (RFC 9112 §2.2)")
    func skipsEmptyLines() {
        let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
        #expect(failure(of: requests("\r\n\r\n" + request)) == nil)
        #expect(failure(of: requests("\r\n\r\n\r\n" + request)) == .tooManyEmptyLines)
        #expect(failure(of: requests("\n" + request)) == .bareLineFeed)
    }

    @Test(
        "refuses target bytes that must be percent-encoded (RFC 9112 §3.2, RFC 3986 §2)",
        arguments: [
            "/#f", "/a\"b", "/<b>", "/a\\b", "/\u{7F}", "/\u{01}", "/\u{E9}", "/?q=\u{E9}", "/?a#b", "a",
            "?x", "//\u{0}",
        ])
    func refusesTargetBytes(target: String) {
        let bytes = latin1("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(failure(of: requests(bytes: bytes)) == .malformedTarget)
    }

    @Test(
        "keeps the target byte for byte (RFC 9110 §7.6)",
        arguments: ["/%7e/../a;b=c?x=/?%zz|{}", "//a//b", "/%41"])
    func keepsTarget(target: String) throws {
        #expect(try #require(firstHead("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n")).target.text == target)
    }

    @Test("an absolute-form target overrides Host (RFC 9112 §3.2.2)")
    func absoluteForm() throws {
        let head = try #require(
            firstHead("GET HTTP://a.example:81/p?q HTTP/1.1\r\nX: 1\r\nHost: evil\r\n\r\n"))
        #expect(head.target.form == .absolute)
        #expect(head.fields.values("host") == ["a.example:81"])
        #expect(head.target.path == "/p")
        var bytes: [UInt8] = []
        head.target.appendOriginForm(to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "/p?q")
    }

    @Test(
        "an absolute-form target without a path is sent on as / (RFC 9112 §3.2.1)",
        arguments: [("http://a", "/"), ("https://a?x=1", "/?x=1"), ("http://[::1]:8/", "/")])
    func absoluteWithoutPath(target: String, forwarded: String) throws {
        let head = try #require(firstHead("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n"))
        var bytes: [UInt8] = []
        head.target.appendOriginForm(to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == forwarded)
    }

    @Test("OPTIONS of a host without a path becomes OPTIONS * (RFC 9112 §3.2.4)")
    func optionsOfHost() throws {
        let head = try #require(firstHead("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n"))
        var bytes: [UInt8] = []
        WireWriter.append(head, framing: .none, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("OPTIONS * HTTP/1.1\r\n"))
    }

    @Test(
        "refuses absolute-form targets with user information, an empty or malformed host, or another scheme",
        arguments: [
            ("http://u@h/", FramingError.malformedHost), ("http:///p", .malformedHost),
            ("http://h:x/", .malformedHost),
            ("http://h:99999/", .malformedHost), ("ftp://h/", .malformedTarget),
            ("http://", .malformedTarget),
            ("http://h/#f", .malformedTarget),
        ])
    func refusesAbsolute(target: String, error: FramingError) {
        #expect(failure(of: requests("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n")) == error)
    }

    @Test(
        "checks authority and asterisk form with the method (RFC 9112 §3.2.3, §3.2.4)",
        arguments: [
            ("CONNECT h:443", nil), ("OPTIONS *", nil), ("CONNECT h", FramingError.targetDoesNotFitMethod),
            ("CONNECT /", .targetDoesNotFitMethod), ("GET *", .targetDoesNotFitMethod),
            ("GET h:443", .targetDoesNotFitMethod), ("CONNECT http://h/", .targetDoesNotFitMethod),
            ("OPTIONS **", .malformedTarget),
        ])
    func formsAndMethods(start: String, error: FramingError?) {
        #expect(failure(of: requests("\(start) HTTP/1.1\r\nHost: h\r\n\r\n")) == error)
    }

    @Test("recognises CONNECT and TRACE, and keeps unknown methods in their case (RFC 9110 §9.1)")
    func methods() throws {
        #expect(try #require(firstHead("TRACE / HTTP/1.1\r\nHost: h\r\n\r\n")).method == .trace)
        #expect(try #require(firstHead("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n")).method == .connect)
        #expect(try #require(firstHead("get / HTTP/1.1\r\nHost: h\r\n\r\n")).method == .other("get"))
        #expect(
            try #require(firstHead("M-SEARCH / HTTP/1.1\r\nHost: h\r\n\r\n")).method == .other("M-SEARCH"))
    }

    @Test("refuses a TRACE with a body (RFC 9110 §9.3.8)")
    func traceWithBody() {
        let seen = requests("TRACE / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")
        #expect(failure(of: seen) == .bodyNotAllowed)
    }
}
