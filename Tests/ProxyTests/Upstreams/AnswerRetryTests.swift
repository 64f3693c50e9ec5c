import HTTPWire
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Answers that are tried on another server")
struct AnswerRetryTests {
    typealias Way = UpstreamFailureTests.Way

    /// A server that answers with a status.
    private static func answering(_ status: Int, _ text: String = "no") -> Fleet.Behaviour {
        { _ in "HTTP/1.1 \(status) No\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)" }
    }

    private static func chain(
        _ behaviours: [Fleet.Behaviour], way: Way, _ change: (inout UpstreamSettings) -> Void = { _ in }
    ) throws -> Chain {
        try Chain(behaviours, way: way) {
            $0.retryStatuses = [502, 503, 504]
            change(&$0)
        }
    }

    @Test("an answer of a listed status is not taken, and another server's is", arguments: Way.allCases)
    func elsewhere(way: Way) throws {
        for status in [502, 503, 504] {
            let chain = try Self.chain([Self.answering(status), named("alive")], way: way)
            #expect(chain.ask()?.body == "alive")
            #expect(chain.fleet.asked == [0, 1])
            #expect(chain.upstream.retriedCount == 1)
            chain.stop()
        }
    }

    @Test("a status that is not listed is the client's answer, and without a list every one is")
    func others() throws {
        for (statuses, status) in [(Set([502]), 503), ([], 502), ([502, 503, 504], 500)] {
            let chain = try Self.chain([Self.answering(status), named("alive")], way: .stream) {
                $0.retryStatuses = statuses
            }
            let answer = chain.ask()
            #expect(answer?.status == status && answer?.body == "no")
            #expect(chain.fleet.asked == [0])
            chain.stop()
        }
    }

    @Test(
        "a POST that was answered is not sent again, unless its owner says it may be (RFC 9110 §9.2.2)",
        arguments: [(Way.stream, false), (.stream, true), (.forward, false), (.forward, true)])
    func post(way: Way, isHarmless: Bool) throws {
        let chain = try Self.chain([Self.answering(503), named("alive")], way: way) {
            $0.retry = isHarmless ? .anyMethod : .idempotent
        }
        #expect(chain.ask(Chain.post)?.status == (isHarmless ? 200 : 503))
        #expect(chain.fleet.asked == (isHarmless ? [0, 1] : [0]))
        #expect(chain.fleet.requests.allSatisfy { $0.hasSuffix("\r\n\r\nbody") })
        chain.stop()
    }

    @Test(
        "when no other server may be asked, the last answer is the client's, whole", arguments: Way.allCases)
    func exhausted(way: Way) throws {
        let all = (0..<4).map { Self.answering(503, "last \($0)") }
        let chain = try Self.chain(all, way: way) { $0.attemptsMax = 3 }
        let answer = chain.ask()
        #expect(answer?.status == 503 && answer?.body == "last 2")
        #expect(chain.fleet.asked == [0, 1, 2])
        let never = try Self.chain(all, way: way) { $0.retry = .never }
        #expect(never.ask()?.body == "last 0")
        chain.stop()
        never.stop()
    }

    @Test("retries of answers are within the budget, and counted when it forbids them")
    func budget() throws {
        let chain = try Self.chain(
            [Self.answering(503), Self.answering(503)], way: .stream, RetryTests.smallBudget)
        RetryTests.spendsBudget(chain, refused: 503)
    }

    @Test("a streamed body goes along whole, and one longer than what is kept is sent once")
    func bodies() throws {
        for (bytesMax, status) in [(10, 200), (9, 503)] {
            let chain = try Self.chain([Self.answering(503), named("alive")], way: .stream) {
                $0.retryBodyBytesMax = bytesMax
            }
            let put = "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789"
            #expect(chain.ask(put)?.status == status)
            #expect(chain.fleet.requests.allSatisfy { $0.hasSuffix("\r\n\r\n0123456789") })
            chain.stop()
        }
    }

    @Test("a refusal that comes before the body is whole has the body sent from its beginning elsewhere")
    func early() throws {
        let refusing = ScriptedUpstream { connection, _ in
            guard connection.receive(through: "01234") != nil else { return }
            connection.send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
            _ = connection.receive()
        }
        let fleet = Fleet([named("alive")])
        var settings = UpstreamSettings(
            name: "victim",
            servers: ([refusing] + fleet.servers).map {
                UpstreamServerSettings(endpoint: Endpoint(host: "127.0.0.1", port: $0.port))
            })
        settings.retryStatuses = [503]
        let upstream = Upstream(settings: settings)
        let server = try ServerUnderTest(UpstreamFailureTests.handler(.stream, upstream))
        let client = server.connect()
        client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")
        #expect(eventually { upstream.retriedCount == 1 })
        client.send("56789")
        #expect(client.answer()?.body == "alive")
        #expect(fleet.requests.map { $0.hasSuffix("\r\n\r\n0123456789") } == [true])
        // The connection is good for the next request, and no byte of the refusal is left on it.
        client.send(Chain.get)
        #expect(client.answer()?.status == 200)
        server.stop()
        upstream.close()
        refusing.stop()
        fleet.stop()
    }

    @Test("an answer that is not taken counts against its server as one that is")
    func ejection() throws {
        let chain = try Self.chain([Self.answering(503), named("alive")], way: .stream) {
            var ejection = EjectionSettings()
            ejection.failureCount = 2
            $0.ejection = ejection
        }
        for _ in 0..<6 { #expect(chain.ask()?.body == "alive") }
        #expect(chain.fleet.asked.filter { $0 == 0 }.count == 2)
        chain.stop()
    }
}
