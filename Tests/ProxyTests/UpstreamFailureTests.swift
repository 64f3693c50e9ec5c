import Dispatch
import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Upstreams that fail")
struct UpstreamFailureTests {
    enum Way: String, CaseIterable { case stream, forward }

    /// A handler that goes one of the two ways.
    static func handler(
        _ way: Way, _ upstream: Upstream, bytesMax: Int = 1000
    ) -> @Sendable (Exchange) -> Void {
        { exchange in
            switch way {
            case .stream: exchange.stream(to: upstream)
            case .forward:
                exchange.collectBody(bytesMax: 1 << 20) { body in
                    exchange.forward(body: body, to: upstream, answerBytesMax: bytesMax) { result in
                        switch result {
                        case .success(let answer): exchange.respond(answer.response)
                        case .failure(let error): exchange.respond(ProblemDocument(status: error.status))
                        }
                    }
                }
            }
        }
    }

    struct Misbehaviour: CustomTestStringConvertible {
        let answer: String
        let code: String
        var testDescription: String { code + " " + answer.prefix(30) }
    }

    static let misbehaviours = [
        Misbehaviour(answer: "", code: "closed-before-answer"),
        Misbehaviour(answer: "HTTP/1.1 200 O", code: "closed-in-answer"),
        Misbehaviour(answer: "SSH-2.0-server\r\n\r\n", code: "malformed-answer"),
        Misbehaviour(
            answer: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            code: "malformed-answer"),
        Misbehaviour(
            answer: "HTTP/1.1 200 OK\r\nX: \(String(repeating: "a", count: 70_000))\r\n\r\n",
            code: "malformed-answer"),
        Misbehaviour(answer: "HTTP/1.1 101 Switching Protocols\r\n\r\n", code: "unexpected-upgrade"),
    ]

    @Test("an answer that is none gives a clean 502", arguments: misbehaviours, Way.allCases)
    func misbehaves(misbehaviour: Misbehaviour, way: Way) throws {
        let origin = ScriptedUpstream { connection, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send(misbehaviour.answer)
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest(Self.handler(way, upstream))
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        let answer = try #require(client.answer())
        #expect(answer.status == 502)
        #expect(answer.field("content-type") == "application/problem+json")
        #expect(!answer.body.contains("victim") && !answer.body.contains("127.0.0.1"))
        #expect(eventually { server.outcomes.first?.upstreamError?.code == misbehaviour.code })
        // The client's connection has nothing to do with it.
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer()?.status == 502)
        server.stop()
        #expect(eventually { upstream.connectionCount == 0 })
        upstream.close()
        origin.stop()
    }

    @Test("half an answer is never passed off as a whole one", arguments: Way.allCases)
    func half(way: Way) throws {
        let origin = ScriptedUpstream { connection, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest(Self.handler(way, upstream))
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        switch way {
        case .forward: #expect(client.answer()?.status == 502)
        case .stream:
            // Where the head was already on its way the missing last chunk tells.
            let said = client.receiveAll()
            if said.hasPrefix("HTTP/1.1 502 ") {
                #expect(eventually { server.outcomes.first?.status == 502 })
            } else {
                #expect(said.hasPrefix("HTTP/1.1 200 OK\r\n") && said.hasSuffix("4\r\nhalf\r\n"))
                #expect(eventually { server.outcomes.first?.end == .cut(.upstreamFailed) })
            }
        }
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("an answer that comes to nothing with its head, and before a byte of it has left, is a clean 502")
    func withdrawn() throws {
        // A trailer that must not be there comes in the same piece as all the rest.
        let origin = ScriptedUpstream { connection, _ in
            while connection.receive(through: "\r\n\r\n") != nil {
                connection.send(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nContent-Length: 9\r\n\r\n"
                )
            }
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest(Self.handler(.stream, upstream))
        let client = server.connect()
        for _ in 0..<3 {
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.answer()?.status == 502)
        }
        #expect(eventually { server.outcomes.count == 3 })
        #expect(
            server.outcomes.allSatisfy { $0.end == .answered && $0.upstreamError?.code == "malformed-answer" }
        )
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("a whole answer reaches a slow client though the next one breaks off")
    func pipelinedHalf() throws {
        let long = String(repeating: "m", count: 1_000_000)
        let origin = ScriptedUpstream { connection, _ in
            while let head = connection.receive(through: "\r\n\r\n") {
                if head.hasPrefix("GET /long") {
                    connection.send(ok(long))
                } else {
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                    return
                }
            }
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest(Self.handler(.stream, upstream))
        let client = server.connect(receiveBuffer: 4096)
        client.send(
            "GET /long HTTP/1.1\r\nHost: x\r\n\r\nGET /half HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        let first = try #require(client.answer())
        #expect(first.body == long)
        // Either nothing of the second had left yet, or it breaks off after what came, and the connection ends in order.
        let rest = client.receiveAll()
        #expect(rest.hasPrefix("HTTP/1.1 502 ") || rest.hasSuffix("\r\n\r\nhalf"))
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("an answer that was there before its request is nobody's (RFC 9112 §9.2)")
    func unasked() throws {
        let (speak, spoken) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let origin = ScriptedUpstream { connection, number in
            while connection.receive(through: "\r\n\r\n") != nil {
                connection.send(ok("good"))
                guard number == 0 else { continue }
                speak.wait()
                connection.send(ok("EVIL!"))
                spoken.signal()
            }
        }
        let upstream = origin.upstream()
        let (entered, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let server = try ServerUnderTest { exchange in
            guard exchange.request.target.path == "/block" else { return exchange.stream(to: upstream) }
            entered.signal()
            goOn.wait()
            exchange.respond(plain("done"))
        }
        let (client, blocking) = (server.connect(), server.connect())
        client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer()?.body == "good")
        // While the loop looks away the request comes, and after it what nobody has asked for: one batch tells of both.
        blocking.send("GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
        entered.wait()
        client.send("GET /secret HTTP/1.1\r\nHost: x\r\n\r\n")
        speak.signal()
        spoken.wait()
        goOn.signal()
        #expect(client.answer()?.body == "good")
        #expect(blocking.answer()?.body == "done")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("more interim answers than there is any use for are a 502 (RFC 9110 §15.2)")
    func manyInterim() throws {
        let origin = ScriptedUpstream { connection, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send(
                String(
                    repeating: "HTTP/1.1 103 Early Hints\r\nConnection: x-h\r\nX-H: 1\r\nX-K: 2\r\n\r\n",
                    count: 65)
                    + ok("late"))
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest(Self.handler(.stream, upstream))
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        let said = client.receiveAll()
        #expect(said.components(separatedBy: "HTTP/1.1 103").count == 65 && said.contains("HTTP/1.1 502"))
        #expect(said.contains("X-K: 2") && !said.contains("X-H: 1"))
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("nobody listening gives 502", arguments: Way.allCases)
    func refused(way: Way) throws {
        let (grave, port) = BlockingSocket.bound()
        defer { grave.close() }
        let upstream = Upstream(
            settings: UpstreamSettings(name: "victim", endpoint: Endpoint(host: "127.0.0.1", port: port)))
        let server = try ServerUnderTest(Self.handler(way, upstream))
        for _ in 0..<3 { #expect(server.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")?.status == 502) }
        #expect(server.outcomes.allSatisfy { $0.upstreamError?.code == "connect-failed" })
        #expect(server.outcomes.allSatisfy { $0.upstreamError?.isRetrySafe == true })
        #expect(upstream.connectionCount == 0)
        #expect(upstream.queueCount == 0)
        server.stop()
        upstream.close()
    }

    @Test("a name without address gives 502", arguments: Way.allCases)
    func unresolved(way: Way) throws {
        let resolver = Resolver(lookup: { .failure(.unresolved(host: $0.host, reason: "no such name")) })
        let upstream = Upstream(
            settings: UpstreamSettings(name: "victim", endpoint: Endpoint(host: "nowhere.invalid", port: 80)),
            resolver: resolver)
        let server = try ServerUnderTest(Self.handler(way, upstream))
        #expect(server.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")?.status == 502)
        #expect(server.outcomes.first?.upstreamError?.code == "unresolved")
        server.stop()
        upstream.close()
    }

    @Test("silence gives 504 after the first-byte time", arguments: Way.allCases)
    func silent(way: Way) throws {
        let asked = Atomic<Int>(0)
        let origin = ScriptedUpstream { connection, _ in
            _ = connection.receive(through: "\r\n\r\n")
            asked.add(1, ordering: .relaxed)
            _ = connection.receive()
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest(Self.handler(way, upstream))
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { asked.load(ordering: .relaxed) == 1 })
        server.clock.advance(by: .seconds(29))
        #expect(server.outcomes.isEmpty)
        server.clock.advance(by: .seconds(2))
        #expect(client.answer()?.status == 504)
        #expect(server.outcomes.first?.upstreamError?.code == "first-byte-timeout")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("a collected answer that is too large gives 502", arguments: ["Content-Length: 2000", "X: y"])
    func tooLarge(framing: String) throws {
        let origin = ScriptedUpstream { connection, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\n\(framing)\r\n\r\n\(String(repeating: "a", count: 2000))")
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest(Self.handler(.forward, upstream))
        #expect(server.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")?.status == 502)
        #expect(server.outcomes.first?.upstreamError?.cause == .answerTooLarge(1000))
        server.stop()
        upstream.close()
        origin.stop()
    }

    // MARK: Reused connections

    /// Answers the first request of each connection and closes on the second.
    static func closingOnReuse(_ requests: ProxyCounters) -> ScriptedUpstream {
        ScriptedUpstream { connection, _ in
            guard connection.receive(through: "\r\n\r\n") != nil else { return }
            requests.forgotten.add(1, ordering: .relaxed)
            connection.send(ok("x"))
            if connection.receive(through: "\r\n\r\n") != nil {
                requests.forgotten.add(1, ordering: .relaxed)
            }
        }
    }

    @Test(
        "an idempotent request is sent again when a reused connection closes without a byte (RFC 9112 §9.3.1)",
        arguments: Way.allCases)
    func retried(way: Way) throws {
        let requests = ProxyCounters()
        let origin = Self.closingOnReuse(requests)
        let upstream = origin.upstream()
        let server = try ServerUnderTest(Self.handler(way, upstream))
        let client = server.connect()
        for _ in 0..<3 {
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.answer()?.status == 200)
        }
        #expect(upstream.retriedCount == 2)
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test(
        "a POST too is sent once more when a kept connection was closed, unless its owner says no (RFC 9112 §9.3.1)",
        arguments: [UpstreamSettings.Retry.never, .idempotent, .anyMethod], Way.allCases)
    func post(retry: UpstreamSettings.Retry, way: Way) throws {
        let requests = ProxyCounters()
        let origin = Self.closingOnReuse(requests)
        let upstream = origin.upstream { $0.retry = retry }
        let server = try ServerUnderTest(Self.handler(way, upstream))
        let client = server.connect()
        let request = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
        client.send(request)
        #expect(client.answer()?.status == 200)
        client.send(request)
        #expect(client.answer()?.status == (retry == .never ? 502 : 200))
        #expect(requests.forgotten.load(ordering: .relaxed) == (retry == .never ? 2 : 3))
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("an unused connection that the upstream closes is dropped at once and is no error")
    func closedWhileIdle() throws {
        let origin = ScriptedUpstream { connection, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send(ok("x"))
        }
        let upstream = origin.upstream { $0.retry = .never }
        let server = try ServerUnderTest(Self.handler(.stream, upstream))
        let client = server.connect()
        for round in 1...3 {
            client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na")
            #expect(client.answer()?.status == 200)
            #expect(eventually { upstream.connectionCount == 0 })
            #expect(origin.connections == round)
        }
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("a connection with bytes behind its answer is not used again")
    func leftOver() throws {
        let origin = ScriptedUpstream.answering { _ in
            ok("x") + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest(Self.handler(.stream, upstream))
        let client = server.connect()
        for _ in 0..<3 {
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.answer()?.body == "x")
        }
        #expect(origin.connections == 3)
        server.stop()
        upstream.close()
        origin.stop()
    }
}
