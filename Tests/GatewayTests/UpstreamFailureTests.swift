import HTTPWire
import Logging
import TestSupport
import Testing
import Transport

@testable import Gateway
@testable import Proxy

@Suite("Gateway: upstreams that give no answer, and the operator")
struct UpstreamFailureTests {
    private func recorder() -> (log: Logger, said: Box<[String]>) {
        let said = Box<[String]>([])
        return (Logger(label: "test") { _ in Recorder(said) }, said)
    }

    private let id = RequestID(prefix: 0, counter: 7)

    @Test("each fault of a route has a few lines at once and one a minute, which says what was left out")
    func bounded() {
        let (log, said) = recorder()
        let clock = ManualClock()
        let failures = UpstreamFailureLog(log, clock: clock)
        func note(_ cause: UpstreamError.Cause, _ route: String = "r") {
            failures.note(UpstreamError(cause, upstream: "u"), route: route, requestID: id)
        }
        for _ in 0..<100 { note(.connectFailed(111)) }
        #expect(said.value.withLock { $0.count } == UpstreamFailureLog.burst)
        note(.closedInAnswer)
        note(.connectFailed(111), "quiet")
        #expect(said.value.withLock { $0.count } == UpstreamFailureLog.burst + 2)
        clock.advance(by: UpstreamFailureLog.refill)
        note(.connectFailed(111))
        note(.connectFailed(111))
        let lines = said.value.withLock { $0 }
        #expect(lines.count == UpstreamFailureLog.burst + 3)
        let last = lines.last ?? ""
        #expect(last.hasPrefix("upstream u: connect: Connection refused "), "\(last)")
        #expect(last.contains("\"silenced\": 95") && last.contains("\"route\": r"), "\(last)")
        #expect(last.contains("\"fault\": connect-failed") && last.contains("\"request_id\": "), "\(last)")
    }

    @Test("a client that has gone and the end of the process are no failures of an upstream")
    func others() {
        let (log, said) = recorder()
        let failures = UpstreamFailureLog(log, clock: ManualClock())
        for cause in [UpstreamError.Cause.downstreamGone, .shuttingDown] {
            failures.note(UpstreamError(cause, upstream: "u"), route: "r", requestID: id)
        }
        #expect(said.value.withLock { $0.isEmpty })
    }

    @Test("a streamed route tells of an upstream that is down as a protected one does, at a bounded rate")
    func down() throws {
        let (log, said) = recorder()
        let fixture = try GatewayFixture.make(log: log)
        fixture.victim.stop()
        let picture = try fixture.model.picture(5..<45)
        for _ in 0..<UpstreamFailureLog.burst + 3 {
            #expect(try fixture.ask(picture).status == 502)
            #expect(try fixture.client().send(.get, "/v1/models/m").status == 502)
        }
        fixture.stop()
        let lines = said.value.withLock { $0.filter { $0.contains("connect: Connection refused") } }
        for route in ["predict", "rest"] {
            let count = lines.filter { $0.contains("\"route\": \(route)") }.count
            #expect(count == UpstreamFailureLog.burst, "\(route)")
        }
    }

    @Test("the log says what in an answer is no HTTP")
    func malformed() throws {
        let raw = try RawServer { connection in
            connection.readRequest()
            connection.send("NONSENSE\r\n\r\n")
        }
        defer { raw.stop() }
        let (log, said) = recorder()
        let fixture = try GatewayFixture.make(upstream: "127.0.0.1:\(raw.port)", log: log)
        #expect(try fixture.client().send(.get, "/v1/models/m").status == 502)
        fixture.stop()
        let line = try #require(said.value.withLock { $0.first { $0.contains("malformed-answer") } })
        #expect(line.contains("its answer is not HTTP/1.1: ") && line.contains("\"route\": rest"), "\(line)")
    }
}
