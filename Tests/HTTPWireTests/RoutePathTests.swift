import HTTPWire
import Testing

@Suite("Paths for routing")
struct RoutePathTests {
    @Test(
        "decodes what has one reading (RFC 3986 §2.3)",
        arguments: [
            ("/", "/"), ("/v1/models/%6dnist:predict", "/v1/models/mnist:predict"), ("/a%20b/", "/a b/"),
            ("/%C3%A9", "/é"), ("/a..b/.c", "/a..b/.c"), ("/%25", "/%"), ("/100%25/x", "/100%/x"),
        ])
    func decodes(path: String, normal: String) {
        #expect(RoutePath(path) == .path(normal))
    }

    @Test(
        "refuses what two servers may read differently (RFC 3986 §6.2.2, §7.3)",
        arguments: [
            ("", RoutePath.Ambiguity.notAbsolute), ("a", .notAbsolute), ("/%", .invalidPercentEncoding),
            ("/%4", .invalidPercentEncoding), ("/%g1", .invalidPercentEncoding),
            ("/%u0041", .invalidPercentEncoding),
            ("/a%2Fb", .encodedSlash), ("/a%2fb", .encodedSlash), ("/a%5Cb", .backslash),
            ("/a\\b", .backslash),
            ("/a%00", .controlCharacter), ("/a%0d%0a", .controlCharacter), ("/a%7F", .controlCharacter),
            ("/%252e%252e/", .doubleEncoding), ("/%252F", .doubleEncoding), ("//a", .emptySegment),
            ("/a//b", .emptySegment), ("/a//", .emptySegment), ("/../a", .dotSegment), ("/a/..", .dotSegment),
            ("/a/./b", .dotSegment), ("/%2e%2E/a", .dotSegment), ("/.%2e/a", .dotSegment),
            ("/a/.", .dotSegment),
            ("/a;x=1/b", .pathParameter), ("/..;/a", .pathParameter), ("/a%3Bx", .pathParameter),
            ("/%C0%AF", .invalidText), ("/%FF", .invalidText), ("/%ED%A0%80", .invalidText),
        ])
    func refuses(path: String, reason: RoutePath.Ambiguity) {
        #expect(RoutePath(path) == .refused(reason))
    }

    @Test("every spelling by percent-encoding of a protected path matches it or is refused")
    func spellings() {
        let path = Array("/v1/models/m:predict".utf8)
        for index in 1..<path.count {
            let hex = String(path[index], radix: 16, uppercase: index.isMultiple(of: 2))
            let text =
                String(decoding: path[..<index], as: UTF8.self) + "%\(hex)"
                + String(decoding: path[(index + 1)...], as: UTF8.self)
            let expected: RoutePath =
                path[index] == 0x2F ? .refused(.encodedSlash) : .path("/v1/models/m:predict")
            #expect(RoutePath(text) == expected)
        }
    }

    @Test("reads the path of a request target in each form")
    func targets() throws {
        let absolute = try #require(firstHead("GET http://a/%61?x=/../ HTTP/1.1\r\nHost: a\r\n\r\n"))
        #expect(absolute.target.routePath == .path("/a"))
        let bare = try #require(firstHead("GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n"))
        #expect(bare.target.routePath == .path("/"))
        let asterisk = try #require(firstHead("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"))
        #expect(asterisk.target.routePath == .refused(.notAbsolute))
    }

    @Test("a target is read the same behind any other on its connection")
    func repeated() throws {
        let lines = [
            "GET /a/b?q", "GET /a/b?q", "GET /a/c?q", "GET /a/%62?", "GET /a/b;?q", "OPTIONS *", "OPTIONS /",
            "GET http://h/a/b",
            "GET http://h/a/c", "GET http://h", "OPTIONS http://h", "POST http://i",
        ]
        func text(_ line: String) -> String { line + " HTTP/1.1\r\nHost: h\r\n\r\n" }
        for first in lines {
            for second in lines {
                let heads = requests(text(first) + text(second)).compactMap { event -> RequestHead? in
                    if case .request(let head) = event { head } else { nil }
                }
                #expect(heads.count == 2)
                #expect(heads.last?.target == firstHead(text(second))?.target, "\(first), \(second)")
            }
        }
        // What only another method may ask is refused behind it, too.
        #expect(failure(of: requests(text("OPTIONS *") + text("GET *"))) == .targetDoesNotFitMethod)
    }
}
