import Foundation
import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("The streamed way")
struct StreamTests {
    @Test("passes requests and answers of every framing, both ways, on kept connections")
    func framings() throws {
        let origin = ScriptedUpstream { connection, _ in
            while let head = connection.receive(through: "\r\n\r\n") {
                if head.hasPrefix("POST") { _ = connection.receive(through: "0\r\n\r\n") }
                switch head.split(separator: " ")[1] {
                case "/length": connection.send(ok("by length"))
                case "/chunked":
                    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nby \r\n")
                    connection.send("6\r\nchunks\r\n0\r\n\r\n")
                case "/none": connection.send("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
                default: return connection.send("HTTP/1.1 200 OK\r\n\r\nuntil close")
                }
            }
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        let client = server.connect()
        let chunkedRequest =
            "POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
        client.send(chunkedRequest)
        #expect(client.answer()?.body == "by length")
        client.send("GET /chunked HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer()?.body == "by chunks")
        client.send("GET /none HTTP/1.1\r\nHost: x\r\n\r\n")
        let none = client.answer()
        #expect(none?.status == 204 && none?.field("content-length") == nil, "RFC 9110 §8.6")
        client.send("GET /close HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer()?.body == "until close")
        #expect(origin.connections == 1)
        client.send("GET /length HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer()?.body == "by length")
        #expect(origin.connections == 2)
        #expect(server.ask("GET /chunked HTTP/1.0\r\n\r\n")?.body == "by chunks")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("strips what concerns one connection, adds what says who asked (RFC 9110 §7.6)")
    func fields() throws {
        let seen = Mutex("")
        let origin = ScriptedUpstream.answering { request in
            seen.withLock { $0 = request }
            return ok(
                "x",
                "Connection: X-Secret\r\nX-Secret: 1\r\nKeep-Alive: 5\r\nServer: s\r\nX-Request-Id: theirs\r\n"
            )
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        let answer = try #require(
            server.ask(
                "GET http://h/p?q HTTP/1.1\r\nHost: ignored\r\nConnection: close, X-Drop\r\nX-Drop: 1\r\nTE: trailers\r\n"
                    + "Upgrade: websocket\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n"
                    + "Via: 1.1 other\r\nX-Keep: 1\r\nX-Request-Id: mine\r\n\r\n"))
        let request = seen.withLock { $0 }
        #expect(request.hasPrefix("GET /p?q HTTP/1.1\r\nHost: h\r\n"))
        for line in [
            "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http", "X-Forwarded-Host: h", "Via: 1.1 other",
            "Via: 1.1 samegate", "X-Keep: 1", "X-Request-Id: mine", "Connection: TE", "TE: trailers",
        ] { #expect(request.contains("\r\n\(line)\r\n")) }
        for name in ["Connection: close", "X-Drop", "Upgrade", "6.6.6.6", "https"] {
            #expect(!request.contains(name))
        }
        #expect(answer.field("server") == "s")
        #expect(answer.field("x-request-id") == "mine")
        for name in ["x-secret", "keep-alive"] { #expect(answer.field(name) == nil) }
        #expect(answer.field("connection") == "close")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("appends to the forwarding fields of a trusted proxy")
    func trusted() throws {
        let seen = Mutex("")
        let origin = ScriptedUpstream.answering { request in
            seen.withLock { $0 = request }
            return ok("x")
        }
        let upstream = origin.upstream { $0.hostField = .upstream }
        var settings = ProxySettings()
        settings.trust.proxies = [try #require(AddressPrefix("127.0.0.1"))]
        let server = try ServerUnderTest(settings: settings) { $0.stream(to: upstream) }
        _ = server.ask(
            "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\n"
                + "X-Forwarded-Proto: https\r\n\r\n")
        let request = seen.withLock { $0 }
        #expect(request.contains("\r\nX-Forwarded-For: 6.6.6.6, 7.7.7.7, 127.0.0.1\r\n"))
        #expect(request.contains("\r\nX-Forwarded-Proto: https\r\n"))
        #expect(request.contains("\r\nHost: 127.0.0.1:\(origin.port)\r\n"))
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("OPTIONS of a server, in absolute form, asks the origin about itself (RFC 9112 §3.2.4)")
    func options() throws {
        let seen = Mutex<[String]>([])
        let origin = ScriptedUpstream.answering { request in
            seen.withLock { $0.append(String(request.prefix { $0 != "\r\n" })) }
            return ok("")
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        for target in ["OPTIONS http://h", "OPTIONS http://h/", "GET http://h", "OPTIONS http://h?q"] {
            #expect(server.ask("\(target) HTTP/1.1\r\nHost: h\r\n\r\n")?.status == 200)
        }
        #expect(
            seen.withLock { $0 } == [
                "OPTIONS * HTTP/1.1", "OPTIONS / HTTP/1.1", "GET / HTTP/1.1", "OPTIONS /?q HTTP/1.1",
            ])
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("passes interim answers on but keeps 100 to itself (RFC 9110 §15.2)")
    func interim() throws {
        let origin = ScriptedUpstream.answering { _ in
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("x")
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer()?.head == "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        #expect(client.answer()?.body == "x")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("HEAD keeps the length of what GET would bring")
    func head() throws {
        let origin = ScriptedUpstream.answering { _ in "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        let client = server.connect()
        for _ in 0..<2 {
            client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.answer(toHead: true)?.field("content-length") == "1000")
        }
        #expect(origin.connections == 1)
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("large bodies pass whole, both ways at once")
    func large() throws {
        let size = 6 << 20
        let origin = ScriptedUpstream.answering { request in
            // Echoes the body: everything behind the head.
            ok(request.range(of: "\r\n\r\n").map { String(request[$0.upperBound...]) } ?? "")
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        let client = server.connect()
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(size)\r\n\r\n")
        client.send((0..<size).map { UInt8(truncatingIfNeeded: 0x61 + $0 % 23) })
        let answer = try #require(client.answer())
        #expect(answer.body.utf8.count == size)
        #expect(answer.body.utf8.enumerated().allSatisfy { $1 == UInt8(truncatingIfNeeded: 0x61 + $0 % 23) })
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("stops reading an upstream whose client does not read, and goes on when it does")
    func pressure() throws {
        let size = 64 << 20
        let sent = Atomic<Int>(0)
        let origin = ScriptedUpstream { connection, _ in
            guard connection.receive(through: "\r\n\r\n") != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            let piece = [UInt8](repeating: 0x61, count: 1 << 20)
            for _ in 0..<64 {
                guard connection.send(piece) == piece.count else { return }
                sent.add(piece.count, ordering: .relaxed)
            }
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        let client = server.connect(receiveBuffer: 64 << 10)
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.receive(through: "\r\n\r\n") != nil)
        // Both kernels' buffers and ours fill up; then the origin is stuck well before its end.
        var last = -1
        #expect(
            eventually("stuck") {
                for _ in 0..<50_000 { sched_yield() }
                defer { last = sent.load(ordering: .relaxed) }
                return last == sent.load(ordering: .relaxed)
            })
        #expect(sent.load(ordering: .relaxed) < size * 3 / 4)
        #expect(client.receive(exactly: size)?.count == size)
        server.stop()
        upstream.close()
        origin.stop()
    }
}
