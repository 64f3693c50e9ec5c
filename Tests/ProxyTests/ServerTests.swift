import Dispatch
import HTTPWire
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("A server without upstream")
struct ServerTests {
    @Test("keeps a connection alive over several requests (RFC 9112 §9.3)")
    func keepAlive() throws {
        let server = try ServerUnderTest { $0.respond(plain($0.request.target.path)) }
        let client = server.connect()
        for path in ["/a", "/b", "/c"] {
            client.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
            let answer = try #require(client.answer())
            #expect(answer.body == path)
            #expect(answer.field("connection") == nil)
            #expect(answer.field("date") != nil)
            #expect(answer.field("x-request-id")?.count == 32)
        }
        #expect(server.server.counters.accepted.load(ordering: .relaxed) == 1)
    }

    @Test("an exchange that a handler keeps stays its own while others come and go")
    func keptExchanges() throws {
        let kept = Kept()
        let server = try ServerUnderTest { exchange in
            if exchange.request.target.path.hasPrefix("/kept") { return kept.keep(exchange) }
            exchange.respond(plain(exchange.request.target.path))
        }
        let asked = ["/kept/1", "/kept/2"].map { path in
            #expect(server.ask("GET /before HTTP/1.1\r\nHost: x\r\n\r\n")?.body == "/before")
            let client = server.connect()
            client.send("GET \(path) HTTP/1.1\r\nHost: x\r\nX-Request-Id: id\(path.suffix(1))\r\n\r\n")
            #expect(server.ask("GET /after HTTP/1.1\r\nHost: x\r\n\r\n")?.body == "/after")
            return (path, client)
        }
        #expect(eventually("both are kept") { kept.count == 2 })
        kept.each { $0.respond(plain("\($0.request.target.path) \($0.requestID)")) }
        for (path, client) in asked { #expect(client.answer()?.body == "\(path) id\(path.suffix(1))") }
        server.stop()
    }

    @Test("answers pipelined requests in order, even when the first is answered last (RFC 9112 §9.3.2)")
    func pipelining() throws {
        let server = try ServerUnderTest { exchange in
            guard exchange.request.target.path == "/slow" else {
                return exchange.respond(plain(exchange.request.target.path))
            }
            DispatchQueue(label: "elsewhere").async { @Sendable in
                exchange.loop.execute { @Sendable in exchange.respond(plain("/slow")) }
            }
        }
        let client = server.connect()
        client.send(
            "GET /slow HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        )
        client.send("GET /c HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer()?.body == "/slow")
        #expect(client.answer()?.body == "/b")
        #expect(client.answer()?.body == "/c")
    }

    @Test("collects bodies of either framing", arguments: ["length", "chunked"])
    func collects(framing: String) throws {
        let server = try ServerUnderTest { exchange in
            exchange.collectBody(bytesMax: 100) {
                exchange.respond(plain(String(decoding: $0, as: UTF8.self)))
            }
        }
        let client = server.connect()
        for _ in 0..<2 {
            if framing == "length" {
                client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello")
                client.send(" world")
            } else {
                client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
                client.send("lo\r\n6\r\n world\r\n0\r\n\r\n")
            }
            #expect(client.answer()?.body == "hello world")
        }
    }

    @Test("says 100 when the body is wanted, and only then (RFC 9110 §10.1.1)")
    func expectContinue() throws {
        let server = try ServerUnderTest { exchange in
            if exchange.request.target.path == "/no" { return exchange.respond(Response(status: 403)) }
            exchange.collectBody(bytesMax: 100) {
                exchange.respond(plain(String(decoding: $0, as: UTF8.self)))
            }
        }
        let client = server.connect()
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        #expect(client.receive(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        client.send("hi")
        #expect(client.answer()?.body == "hi")
        client.send("POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        let refusal = try #require(client.answer())
        #expect(refusal.status == 403)
        #expect(refusal.field("connection") == "close")
    }

    @Test(
        "gives HEAD the length but not the body, and 204 and 304 neither (RFC 9110 §9.3.2, §15.3.5, §15.4.5)")
    func bodiless() throws {
        let server = try ServerUnderTest { exchange in
            let status = Int(exchange.request.target.path.dropFirst()) ?? 200
            var response = plain("body")
            response.status = status
            exchange.respond(response)
        }
        let client = server.connect()
        client.send("HEAD /200 HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer(toHead: true)?.field("content-length") == "4")
        for status in [204, 304] {
            client.send("GET /\(status) HTTP/1.1\r\nHost: x\r\n\r\n")
            let answer = try #require(client.answer())
            #expect(answer.status == status)
            #expect(answer.field("content-length") == nil)
        }
        client.send("GET /200 HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer()?.body == "body")
    }

    @Test("closes after HTTP/1.0 unless asked to keep the connection (RFC 9112 §9.3)")
    func oldVersion() throws {
        let server = try ServerUnderTest { $0.respond(plain("x")) }
        let client = server.connect()
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(client.answer()?.field("connection") == "keep-alive")
        client.send("GET / HTTP/1.0\r\n\r\n")
        #expect(client.answer()?.field("connection") == "close")
        #expect(client.receive() == nil)
    }

    @Test("takes over a well-formed request id and replaces any other")
    func requestID() throws {
        let server = try ServerUnderTest { $0.respond(plain($0.requestID.text)) }
        let given = server.ask("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: abc-1.2_3\r\n\r\n")
        #expect(given?.body == "abc-1.2_3")
        #expect(given?.field("x-request-id") == "abc-1.2_3")
        for bad in ["a b", "a\"b", String(repeating: "a", count: 129), ""] {
            let made = server.ask("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: \(bad)\r\n\r\n")
            #expect(made?.body.count == 32)
        }
    }

    @Test("answers 500 for an exchange its handler forgot")
    func forgotten() throws {
        let server = try ServerUnderTest { _ in }
        #expect(server.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")?.status == 500)
        #expect(server.server.counters.forgotten.load(ordering: .relaxed) == 1)
        #expect(eventually { server.outcomes.first?.end == .forgotten })
    }

    @Test("answers 500 when the handler drops a collected body")
    func forgottenAfterBody() throws {
        let server = try ServerUnderTest { exchange in
            exchange.collectBody(bytesMax: 10) { _ in _ = exchange }
        }
        #expect(server.ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na")?.status == 500)
    }

    @Test("serves on every loop of a group")
    func severalLoops() throws {
        let seen = ProxyCounters()
        let server = try ServerUnderTest(loops: 3) { exchange in
            if exchange.loop.index > 0 { seen.forgotten.add(1, ordering: .relaxed) }
            exchange.respond(plain("x"))
        }
        // As many as fill a loop are kept together; beyond that every loop gets its share.
        for loop in server.group.loops { loop.load.add(LoopGroup.fill) }
        let clients = (0..<24).map { _ in server.connect() }
        for client in clients {
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.answer()?.body == "x")
        }
        #expect(seen.forgotten.load(ordering: .relaxed) > 8)
    }
}
