import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Who asked")
struct ForwardedTests {
    private func trust(_ field: ForwardedTrust.Field) throws -> ForwardedTrust {
        var trust = ForwardedTrust()
        trust.proxies = try ["10.0.0.0/8", "127.0.0.1", "2001:db8::/32"].map {
            try #require(AddressPrefix($0))
        }
        trust.field = field
        return trust
    }

    private func client(_ peer: String, _ field: ForwardedTrust.Field, _ values: [String]) throws -> String {
        var fields = HeaderList()
        for value in values { try fields.add(field == .forwarded ? "Forwarded" : "X-Forwarded-For", value) }
        let address = try #require(SocketAddress(host: peer, port: 9))
        return try trust(field).client(behind: address, fields).host
    }

    @Test(
        "X-Forwarded-For is believed from the right up to the first hop that is no trusted proxy",
        arguments: [
            ("203.0.113.1", ["6.6.6.6"], "203.0.113.1"), ("10.1.1.1", [], "10.1.1.1"),
            ("10.1.1.1", ["6.6.6.6"], "6.6.6.6"), ("10.1.1.1", ["1.1.1.1, 6.6.6.6"], "6.6.6.6"),
            ("10.1.1.1", ["1.1.1.1, 6.6.6.6, 10.2.2.2"], "6.6.6.6"),
            ("10.1.1.1", ["1.1.1.1", "6.6.6.6", "10.2.2.2"], "6.6.6.6"),
            ("10.1.1.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
            ("10.1.1.1", ["1.1.1.1, unknown, 10.2.2.2"], "10.2.2.2"), ("10.1.1.1", ["1.1.1.1, "], "10.1.1.1"),
            ("10.1.1.1", ["6.6.6.6:4711"], "6.6.6.6"), ("10.1.1.1", ["[2001:db9::1]:80"], "2001:db9::1"),
            ("10.1.1.1", ["2001:db9::1"], "2001:db9::1"), ("10.1.1.1", ["6.6.6.6:x"], "10.1.1.1"),
            ("10.1.1.1", ["6.6.6.6.7"], "10.1.1.1"), ("10.1.1.1", ["[6.6.6.6]"], "10.1.1.1"),
            // U+0600 and a comma are one Character (UAX #29 GB9b).
            ("10.1.1.1", ["1.1.1.1\u{600}, 6.6.6.6"], "6.6.6.6"),
            ("10.1.1.1", ["6.6.6.6\u{301}"], "10.1.1.1"),
        ])
    func xForwardedFor(peer: String, values: [String], client expected: String) throws {
        #expect(try client(peer, .xForwardedFor, values) == expected)
    }

    @Test("of thousands of hops the last 32 are looked at, and the earliest of those stands for the client")
    func manyHops() throws {
        let hops = (0..<2000).map { "10.0.\($0 / 250).\($0 % 250)" }
        let last = hops[2000 - 32]
        #expect(try client("10.1.1.1", .xForwardedFor, [hops.joined(separator: ",")]) == last)
        let kept = ["6.6.6.6"] + hops.suffix(31)
        #expect(try client("10.1.1.1", .xForwardedFor, kept) == "6.6.6.6")
        #expect(try client("10.1.1.1", .forwarded, hops.map { "for=\($0)" }) == last)
    }

    @Test(
        "Forwarded is read with its quotes, and what hides is not guessed at (RFC 7239 §4, §6)",
        arguments: [
            (["for=6.6.6.6"], "6.6.6.6"), (["For=\"6.6.6.6:80\";proto=http"], "6.6.6.6"),
            (["proto=http; for=\"[2001:db9::1]:4711\""], "2001:db9::1"),
            (["for=1.1.1.1, for=6.6.6.6"], "6.6.6.6"),
            (["for=1.1.1.1", "for=10.2.2.2"], "1.1.1.1"), (["for=1.1.1.1, for=_hidden"], "10.1.1.1"),
            (["for=1.1.1.1;host=\"a,for=2.2.2.2\""], "1.1.1.1"), (["for=1.1.1.1;for=2.2.2.2"], "10.1.1.1"),
            (["host=\"\\\",for=2.2.2.2\";for=1.1.1.1"], "1.1.1.1"), (["for=\"1.1.1.1"], "10.1.1.1"),
            (["proto=http"], "10.1.1.1"), (["for=1.1.1.1;x=\u{600}, for=6.6.6.6"], "6.6.6.6"),
            // A quote that the client has left open swallows what the proxy adds to the line.
            (["for=1.1.1.1;x=\", for=6.6.6.6"], "10.1.1.1"),
            (["for=1.1.1.1;x=\"", "for=6.6.6.6"], "6.6.6.6"),
            (["for=1.1.1.1;x=\"\\\", for=6.6.6.6"], "10.1.1.1"),
        ])
    func forwarded(values: [String], client expected: String) throws {
        #expect(try client("10.1.1.1", .forwarded, values) == expected)
    }

    private func passedOn(_ request: String, _ settings: ProxySettings) throws -> (String, String?) {
        let seen = Mutex("")
        let origin = ScriptedUpstream.answering { request in
            seen.withLock { $0 = request }
            return ok("x")
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest(settings: settings) { $0.stream(to: upstream) }
        _ = server.ask(request)
        _ = eventually("outcome") { server.outcomes.count == 1 }
        let client = server.outcomes.first?.client.host
        server.stop()
        upstream.close()
        origin.stop()
        return (seen.withLock { $0 }, client)
    }

    private static let claims =
        "GET / HTTP/1.1\r\nHost: h:80\r\nForwarded: for=6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n\r\n"

    @Test("what a stranger says of itself is replaced (RFC 7239 §8.1)")
    func stranger() throws {
        let (request, client) = try passedOn(Self.claims, ProxySettings())
        #expect(!request.contains("6.6.6.6"))
        #expect(request.contains("\r\nForwarded: for=127.0.0.1;host=\"h:80\";proto=http\r\n"))
        #expect(client == "127.0.0.1")
    }

    @Test(
        "what CGI-like back ends would take for another field is dropped, whoever says it",
        arguments: [false, true])
    func disguised(isTrusted: Bool) throws {
        var settings = ProxySettings()
        if isTrusted { settings.trust = try trust(.xForwardedFor) }
        let request =
            "GET / HTTP/1.1\r\nHost: h\r\nX_Forwarded_For: 6.6.6.6\r\nx_real-ip: 6.6.6.6\r\nX_Forwarded_Proto: https6.6.6.6\r\nX-Request_Id: 6.6.6.6\r\n"
            + "Proxy: http://6.6.6.6\r\nClient_Cert: 6.6.6.6\r\nX_Other: kept\r\n\r\n"
        let (passed, _) = try passedOn(request, settings)
        #expect(!passed.contains("6.6.6.6") && passed.contains("X_Other: kept\r\n"))
        #expect(passed.contains("X-Forwarded-Proto: http\r\n"))
    }

    @Test("a trusted proxy's Forwarded is appended to, and its client is the outcome's (RFC 7239 §4)")
    func believed() throws {
        var settings = ProxySettings()
        settings.trust = try trust(.forwarded)
        let (request, client) = try passedOn(Self.claims, settings)
        #expect(request.contains("\r\nForwarded: for=6.6.6.6, for=127.0.0.1;host=\"h:80\";proto=http\r\n"))
        #expect(request.contains("\r\nX-Real-IP: 6.6.6.6\r\n"))
        #expect(client == "6.6.6.6")
    }

    @Test("Forwarded is not sent where it is not wanted, and a stranger's still goes")
    func unwanted() throws {
        var settings = ProxySettings()
        settings.sendsForwarded = false
        let (request, _) = try passedOn(Self.claims, settings)
        #expect(!request.contains("\r\nForwarded:"))
    }
}
