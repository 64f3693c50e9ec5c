import Foundation
import HTTPWire
import Logging
import TestSupport
import Testing
import Transport

@testable import Gateway

@Suite("Gateway: answers that cannot be read, and the operator")
struct UnreadableAnswerTests {
    private func recorder() -> (log: Logger, said: Box<[String]>) {
        let said = Box<[String]>([])
        return (Logger(label: "test") { _ in Recorder(said) }, said)
    }

    @Test("each route has a few lines at once and one a minute, which says how many were left out")
    func bounded() {
        let (log, said) = recorder()
        let clock = ManualClock()
        let answers = UnreadableAnswerLog(log, clock: clock)
        func note(_ reason: String, _ route: String = "r") {
            answers.note(reason, route: route, upstream: "u", requestID: "7")
        }
        for _ in 0..<100 { note("no sum") }
        #expect(said.value.withLock { $0.count } == UnreadableAnswerLog.burst)
        note("other", "quiet")
        #expect(said.value.withLock { $0.count } == UnreadableAnswerLog.burst + 1)
        clock.advance(by: UnreadableAnswerLog.refill)
        note("later")
        note("kept back")
        let lines = said.value.withLock { $0 }
        #expect(lines.count == UnreadableAnswerLog.burst + 2)
        let last = lines.last ?? ""
        #expect(last.hasPrefix("an answer of the upstream cannot be read: later "), "\(last)")
        #expect(last.contains("\"silenced\": 95") && last.contains("\"route\": r"), "\(last)")
    }

    @Test("a reason that a victim makes long is cut")
    func long() {
        let (log, said) = recorder()
        let answers = UnreadableAnswerLog(log, clock: ManualClock())
        answers.note(String(repeating: "x", count: 10_000), route: "r", upstream: "u", requestID: "7")
        #expect(said.value.withLock { $0[0].count } < 500)
    }

    @Test(
        "the log says which route's answers cannot be read and why, whatever the route does then",
        arguments: ["pass", "reject"])
    func told(fallback: String) throws {
        let (log, said) = recorder()
        let fixture = try GatewayFixture.make(Plan(onUnreadableAnswer: fallback), log: log)
        fixture.victim.play(.text(#"{"predictions":[[0.2,0.2,0.2]]}"#))
        let picture = try fixture.model.picture(5..<45)
        #expect(try fixture.ask(picture).status == (fallback == "pass" ? 200 : 502))
        let line = try #require(said.value.withLock { $0.first { $0.contains("cannot be read") } })
        #expect(line.contains("sums to 0.6") && line.contains("answer.kind of the route"), "\(line)")
        #expect(line.contains("\"route\": predict") && line.contains("\"upstream\": "), "\(line)")
    }

    @Test("an answer whose probabilities were rounded is read and scored")
    func rounded() throws {
        let fixture = try GatewayFixture.make(Plan(mode: "observe", onUnreadableAnswer: "reject"))
        let text = #"{"predictions":[[0.33,0.33,0.33]]}"#
        fixture.victim.play(.text(text))
        let answer = try fixture.ask(try fixture.model.picture(5..<45))
        #expect(answer.status == 200 && answer.text == text)
        #expect(fixture.gateway.counters.unreadableAnswers.load(ordering: .relaxed) == 0)
        let line = try #require(fixture.lines("decisions").first)
        #expect(line["reason"] is NSNull && line["deviation"] is Double)
    }
}
