import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Sending a request again")
struct RetryTests {
    typealias Way = UpstreamFailureTests.Way

    @Test(
        "a request that found nobody is sent to another server, whatever its method", arguments: Way.allCases)
    func refused(way: Way) throws {
        let chain = try Chain([named("alive")], dead: 1, way: way)
        for text in [Chain.get, Chain.post, Chain.get, Chain.post] {
            #expect(chain.ask(text)?.body == "alive")
        }
        #expect(chain.upstream.retriedCount == 2)
        #expect(chain.upstream.servers[0].counters.failures(.connect) == 2)
        chain.stop()
    }

    @Test(
        "an idempotent request is sent to another server when one closes without a byte (RFC 9110 §9.2.2)",
        arguments: Way.allCases)
    func closed(way: Way) throws {
        let chain = try Chain([{ _ in nil }, named("alive")], way: way)
        #expect(chain.ask()?.body == "alive")
        #expect(chain.fleet.asked == [0, 1])
        chain.stop()
    }

    @Test(
        "a POST that a server has read is not sent again, unless its owner says it may be (RFC 9110 §9.2.2)",
        arguments: [(Way.stream, false), (.stream, true), (.forward, false), (.forward, true)])
    func post(way: Way, isHarmless: Bool) throws {
        let chain = try Chain([{ _ in nil }, named("alive")], way: way) {
            $0.retry = isHarmless ? .anyMethod : .idempotent
        }
        #expect(chain.ask(Chain.post)?.status == (isHarmless ? 200 : 502))
        #expect(chain.fleet.asked == (isHarmless ? [0, 1] : [0]))
        #expect(chain.fleet.requests.allSatisfy { $0.hasSuffix("\r\n\r\nbody") })
        chain.stop()
    }

    @Test("nothing is sent again where that is forbidden", arguments: Way.allCases)
    func never(way: Way) throws {
        let chain = try Chain([named("alive")], dead: 1, way: way) { $0.retry = .never }
        #expect(chain.ask()?.status == 502)
        #expect(chain.ask()?.status == 200)
        chain.stop()
    }

    @Test(
        "after the first byte of an answer nothing is sent again, and no answer is mixed",
        arguments: Way.allCases,
        [
            "HTTP/1.1 200 O", "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
            "HTTP/1.1 103 Early Hints\r\n\r\n",
        ])
    func begun(way: Way, beginning: String) throws {
        let half: Fleet.Behaviour = { _ in beginning }
        let fleet = Fleet([named("alive"), named("alive")])
        let broken = ScriptedUpstream { connection, _ in
            guard connection.receive(through: "\r\n\r\n") != nil, let text = half("") else { return }
            connection.send(text)
        }
        var settings = UpstreamSettings(
            name: "victim",
            servers: ([broken] + fleet.servers).map {
                UpstreamServerSettings(endpoint: Endpoint(host: "127.0.0.1", port: $0.port))
            })
        settings.retry = .anyMethod
        let upstream = Upstream(settings: settings)
        let server = try ServerUnderTest(UpstreamFailureTests.handler(way, upstream))
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(!client.receiveAll().contains("alive"))
        #expect(fleet.asked.isEmpty)
        #expect(eventually { server.outcomes.count == 1 })
        server.stop()
        upstream.close()
        broken.stop()
        fleet.stop()
    }

    @Test(
        "a server that keeps silent loses the request to another one after the first-byte time",
        arguments: Way.allCases)
    func silent(way: Way) throws {
        let chain = try Chain([{ _ in "" }, named("alive")], way: way)
        let client = chain.server.connect()
        client.send(Chain.get)
        #expect(eventually { chain.fleet.asked == [0] })
        chain.server.clock.advance(by: .seconds(31))
        #expect(client.answer()?.body == "alive")
        #expect(chain.upstream.servers[0].counters.failures(.timeout) == 1)
        chain.stop()
    }

    @Test("one request is sent as often as the settings say and no more")
    func attempts() throws {
        let chain = try Chain([{ _ in nil }, { _ in nil }, { _ in nil }, named("alive")]) {
            $0.attemptsMax = 3
        }
        #expect(chain.ask()?.status == 502)
        #expect(chain.fleet.asked == [0, 1, 2])
        chain.stop()
    }

    @Test("when the budget is spent, failures are answered at once")
    func budget() throws {
        Self.spendsBudget(try Chain([{ _ in nil }, { _ in nil }], Self.smallBudget), refused: 502)
    }

    /// One retry a second, whatever the traffic.
    static func smallBudget(_ settings: inout UpstreamSettings) {
        settings.retryBudget.share = 0
        settings.retryBudget.perSecondMin = 1
        settings.ejection = nil
    }

    /// Asks servers of which none will do until no retry is allowed.
    static func spendsBudget(_ chain: Chain, refused status: Int) {
        for _ in 0..<15 { #expect(chain.ask()?.status == status) }
        // The clock stands still: ten retries for ten seconds.
        #expect(chain.fleet.asked.count == 25)
        #expect(chain.upstream.retriesRefused == 5)
        chain.stop()
    }

    @Test("a connection closed between two requests costs no budget and no reputation")
    func reuse() throws {
        let served = Atomic<Int>(0)
        let closing = ScriptedUpstream { connection, _ in
            guard connection.receive(through: "\r\n\r\n") != nil else { return }
            connection.send(ok("x"))
            _ = connection.receive(through: "\r\n\r\n")
            served.add(1, ordering: .relaxed)
        }
        var settings = UpstreamSettings(
            name: "victim",
            servers: [closing].map {
                UpstreamServerSettings(endpoint: Endpoint(host: "127.0.0.1", port: $0.port))
            })
        settings.whenAllDown = .refuse
        settings.retryBudget.perSecondMin = 0
        settings.retryBudget.share = 0
        let upstream = Upstream(settings: settings)
        let server = try ServerUnderTest(UpstreamFailureTests.handler(.stream, upstream))
        let client = server.connect()
        for _ in 0..<8 {
            client.send(Chain.get)
            #expect(client.answer()?.status == 200)
        }
        #expect(upstream.retriedCount == 7)
        server.stop()
        upstream.close()
        closing.stop()
    }

    // MARK: Bodies

    @Test("a streamed body is sent again whole, however it is framed")
    func bodies() throws {
        for framing in [
            "Content-Length: 10\r\n\r\n0123456789",
            "Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n",
        ] {
            let chain = try Chain([{ _ in nil }, named("alive")])
            #expect(chain.ask("PUT / HTTP/1.1\r\nHost: x\r\n\(framing)")?.body == "alive")
            #expect(chain.fleet.asked == [0, 1])
            #expect(chain.fleet.requests.allSatisfy { $0.contains("0123456789") })
            chain.stop()
        }
    }

    @Test("a body that came in part before a server failed is sent to another from its beginning")
    func partial() throws {
        let early = ScriptedUpstream { connection, _ in
            _ = connection.receive(through: "01234")
        }
        let fleet = Fleet([named("alive")])
        let settings = UpstreamSettings(
            name: "victim",
            servers: ([early] + fleet.servers).map {
                UpstreamServerSettings(endpoint: Endpoint(host: "127.0.0.1", port: $0.port))
            })
        let upstream = Upstream(settings: settings)
        let server = try ServerUnderTest(UpstreamFailureTests.handler(.stream, upstream))
        let client = server.connect()
        client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")
        #expect(eventually { upstream.retriedCount == 1 })
        client.send("56789")
        #expect(client.answer()?.body == "alive")
        #expect(fleet.requests.map { $0.hasSuffix("\r\n\r\n0123456789") } == [true])
        server.stop()
        upstream.close()
        early.stop()
        fleet.stop()
    }

    @Test("a body longer than what is kept is sent once")
    func longBody() throws {
        let chain = try Chain([{ _ in nil }, named("alive")]) { $0.retryBodyBytesMax = 9 }
        #expect(chain.ask("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789")?.status == 502)
        #expect(chain.fleet.asked == [0])
        chain.stop()
    }
}
