import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Expectations and trailers")
struct ExpectTests {
    private static let ask = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"

    @Test(
        "passed on, the upstream's 100 lets the body come, and its Expect is the client's (RFC 9110 §10.1.1)")
    func forwarded() throws {
        let seen = Mutex("")
        let origin = ScriptedUpstream { connection, _ in
            guard let head = connection.receive(through: "\r\n\r\n") else { return }
            connection.send("HTTP/1.1 100 Continue\r\n\r\n")
            guard let body = connection.receive(exactly: 4) else { return }
            seen.withLock { $0 = head + String(decoding: body, as: UTF8.self) }
            connection.send(ok("thanks"))
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream, options: .forwardsContinue) }
        let client = server.connect()
        client.send(Self.ask)
        #expect(client.receive(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        client.send("body")
        #expect(client.answer()?.body == "thanks")
        let request = seen.withLock { $0 }
        #expect(request.contains("\r\nExpect: 100-continue\r\n") && request.hasSuffix("body"))
        client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test(
        "passed on, a final answer goes to the client without its body, and both connections end",
        arguments: [401, 417, 200])
    func refusedByUpstream(status: Int) throws {
        let origin = ScriptedUpstream { connection, _ in
            guard connection.receive(through: "\r\n\r\n") != nil else { return }
            connection.send("HTTP/1.1 \(status) X\r\nContent-Length: 2\r\n\r\nno")
            _ = connection.receive()
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream, options: .forwardsContinue) }
        let client = server.connect()
        client.send(Self.ask)
        let answer = client.answer()
        #expect(answer?.status == status && answer?.body == "no" && answer?.field("connection") == "close")
        #expect(client.receiveAll() == "")
        #expect(eventually("the upstream's is closed") { upstream.connectionCount == 0 })
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("passed on to an upstream that does not say, the body comes after a while (RFC 9110 §10.1.1)")
    func silentUpstream() throws {
        let asked = Atomic<Bool>(false)
        let origin = ScriptedUpstream { connection, _ in
            guard connection.receive(through: "\r\n\r\n") != nil else { return }
            asked.store(true, ordering: .relaxed)
            guard let body = connection.receive(exactly: 4) else { return }
            connection.send(ok(String(decoding: body, as: UTF8.self)))
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream, options: .forwardsContinue) }
        let client = server.connect()
        client.send(Self.ask)
        #expect(eventually("it is asked") { asked.load(ordering: .relaxed) })
        server.clock.advance(by: .seconds(2))
        #expect(client.receive(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        client.send("body")
        #expect(client.answer()?.body == "body")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("passed on, a body that comes unasked goes its way")
    func impatientClient() throws {
        let origin = ScriptedUpstream { connection, _ in
            guard connection.receive(through: "\r\n\r\n") != nil,
                let body = connection.receive(exactly: 4)
            else { return }
            connection.send(ok(String(decoding: body, as: UTF8.self)))
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream, options: .forwardsContinue) }
        let client = server.connect()
        client.send(Self.ask + "body")
        // Past the wait for the upstream's word, and never as far as the wait for its answer.
        var steps = 0
        #expect(
            eventually("it is answered") {
                if steps < 20 { server.clock.advance(by: .milliseconds(200)) }
                steps += 1
                return !server.outcomes.isEmpty
            })
        #expect(client.receiveAllAnswers().last?.body == "body")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("an HTTP/1.0 client is never told 100, nor is its Expect passed on (RFC 9110 §10.1.1)")
    func oldClient() throws {
        let seen = Mutex("")
        let origin = ScriptedUpstream.answering { request in
            seen.withLock { $0 = request }
            return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok("old")
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream, options: .forwardsContinue) }
        let ask = "POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx"
        let answer = server.ask(ask)
        #expect(answer?.status == 200 && answer?.body == "old")
        #expect(!seen.withLock { $0 }.contains("Expect"))
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("an expectation that is not known is 417 (RFC 9110 §10.1.1)")
    func unknown() throws {
        let server = try ServerUnderTest { $0.respond(plain("x")) }
        #expect(server.ask("GET / HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\n\r\n")?.status == 417)
        server.stop()
    }

    @Test(
        "other interim answers reach the client, collected or streamed (RFC 9110 §15.2)",
        arguments: [true, false])
    func interim(isCollected: Bool) throws {
        let origin = ScriptedUpstream.answering { _ in
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("x")
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { exchange in
            guard isCollected else { return exchange.stream(to: upstream) }
            exchange.collectBody(bytesMax: 9) { body in
                exchange.forward(body: body, to: upstream, answerBytesMax: 99) { result in
                    exchange.respond((try? result.get())?.response ?? plain("failed"))
                }
            }
        }
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(client.receive(through: "\r\n\r\n") == "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        #expect(client.answer()?.body == "x")
        server.stop()
        upstream.close()
        origin.stop()
    }

    // MARK: Trailers

    private static let chunked =
        "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\nSet-Cookie: a=b\r\n\r\n"

    @Test(
        "trailers of an answer are for clients that take them, without those that steer (RFC 9110 §6.5.1)",
        arguments: [true, false])
    func answerTrailers(isWanted: Bool) throws {
        let seen = Mutex("")
        let origin = ScriptedUpstream.answering { request in
            seen.withLock { $0 = request }
            return Self.chunked
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        let client = server.connect()
        let wish =
            isWanted ? "TE: gzip;q=0.1, trailers\r\nConnection: TE, close\r\n" : "Connection: close\r\n"
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\(wish)\r\n")
        let answer = client.receiveAll()
        #expect(answer.contains("\r\nTrailer: X-Sum\r\n") == isWanted)
        #expect(answer.hasSuffix(isWanted ? "0\r\nX-Sum: 7\r\n\r\n" : "0\r\n\r\n"))
        #expect(!answer.contains("Set-Cookie"))
        let request = seen.withLock { $0 }
        #expect(request.contains("\r\nConnection: TE\r\nTE: trailers\r\n") == isWanted)
        #expect(request.contains("gzip") == false)
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("trailers of a request go on behind its chunks, and are announced as they were (RFC 9110 §6.6.2)")
    func requestTrailers() throws {
        let seen = Mutex("")
        let origin = ScriptedUpstream { connection, _ in
            guard let head = connection.receive(through: "\r\n\r\n"),
                let body = connection.receive(through: "\r\n\r\n")
            else { return }
            seen.withLock { $0 = head + body }
            connection.send(ok("x"))
        }
        let upstream = origin.upstream()
        var settings = ProxySettings()
        settings.credentialField = "X-Key"
        let server = try ServerUnderTest(settings: settings) { $0.stream(to: upstream) }
        let answer = server.ask(
            "POST / HTTP/1.1\r\nHost: h\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
                + "X-Sum: 7\r\nAuthorization: x\r\nX-Client-Cert-Subject: CN=admin\r\nX_Forwarded_For: 6.6.6.6\r\n"
                + "X-Request-Id: mine\r\nTraceparent: 00-1-2-01\r\nx-key: k\r\nProxy: http://evil\r\n\r\n")
        #expect(answer?.body == "x")
        let request = seen.withLock { $0 }
        #expect(request.contains("\r\nTrailer: X-Sum\r\n") && request.hasSuffix("0\r\nX-Sum: 7\r\n\r\n"))
        server.stop()
        upstream.close()
        origin.stop()
    }

    // MARK: Hops

    @Test("a request that has passed this gateway eight times is a loop: 508 (RFC 9110 §7.6.3)")
    func loop() throws {
        let server = try ServerUnderTest { $0.respond(plain("passed")) }
        func via(_ count: Int) -> String {
            "GET / HTTP/1.1\r\nHost: h\r\n"
                + String(repeating: "Via: 1.1 other, 1.1 samegate (a, b)\r\n", count: count) + "\r\n"
        }
        #expect(server.ask(via(7))?.body == "passed")
        #expect(server.ask(via(8))?.status == 508)
        server.stop()
    }

    @Test("OPTIONS goes as many hops as it may (RFC 9110 §7.6.2)")
    func maxForwards() throws {
        let server = try ServerUnderTest { exchange in
            exchange.respond(plain(exchange.request.fields.values("max-forwards").joined()))
        }
        func ask(_ method: String, _ value: String) -> Answer? {
            server.ask("\(method) / HTTP/1.1\r\nHost: h\r\nMax-Forwards: \(value)\r\n\r\n")
        }
        #expect(ask("OPTIONS", "0")?.status == 204)
        #expect(ask("OPTIONS", "10")?.body == "9")
        #expect(ask("OPTIONS", "-1")?.status == 400)
        #expect(ask("OPTIONS", "1\r\nMax-Forwards: 2")?.status == 400)
        #expect(ask("GET", "0")?.body == "0")
        server.stop()
    }

    @Test("fields that speak of a client's certificate come from no client (RFC 9440 §4)")
    func certificateFields() throws {
        let seen = Mutex("")
        let origin = ScriptedUpstream.answering { request in
            seen.withLock { $0 = request }
            return ok("x")
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        _ = server.ask(
            "GET / HTTP/1.1\r\nHost: h\r\nX-Client-Cert-Subject: CN=root\r\nX_Client_Cert_Fingerprint: 1\r\n"
                + "Client-Cert: :AA:\r\nCLIENT_CERT_CHAIN: 1\r\nX-Client-Certain: 1\r\nX-Client: kept\r\n\r\n"
        )
        let request = seen.withLock { $0 }.lowercased()
        #expect(!request.contains("cert") && request.contains("x-client: kept"))
        server.stop()
        upstream.close()
        origin.stop()
    }
}

extension BlockingSocket {
    /// Every answer that is there, interim ones too.
    func receiveAllAnswers() -> [Answer] {
        var all: [Answer] = []
        while let answer = answer() {
            all.append(answer)
            if answer.status >= 200 { break }
        }
        return all
    }
}
