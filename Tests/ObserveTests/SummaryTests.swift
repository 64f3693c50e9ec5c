import Foundation
import TestSupport
import Testing

@testable import Observe

@Suite("Summaries")
struct SummaryTests {
    private let sample: [DecisionRecord] = [
        .make(time: 1_000, client: "a", score: 1, percentile: 10, total: 5),
        .make(time: 2_000, client: "a", score: 2, percentile: 98, verdict: .perturb, total: 6),
        .make(time: 3_000, client: "b", score: 3, percentile: 99.5, verdict: .proofOfWork, total: 7),
        .make(
            time: 4_000, client: "c", route: "other", score: nil, percentile: nil, verdict: .unscored,
            isEnforced: false),
        .make(time: 5_000, client: "a", score: 9, percentile: 99.95, verdict: .reject, total: 8),
    ]

    private func summary(
        _ filter: DecisionFilter = DecisionFilter(), replay: Replay? = nil
    ) -> DecisionSummary {
        var summary = DecisionSummary(filter: filter, replay: replay)
        for record in sample { summary.add(record) }
        return summary
    }

    @Test("counts by verdict, route and mode, and spans the time")
    func counts() {
        let summary = summary()
        #expect(summary.decisions == 5)
        #expect(summary.verdicts == [.pass: 1, .perturb: 1, .proofOfWork: 1, .unscored: 1, .reject: 1])
        #expect(summary.routes["predict"]?.decisions == 4)
        #expect(summary.routes["other"]?.enforced == 0)
        #expect(summary.span == WallTime(milliseconds: 1_000)...WallTime(milliseconds: 5_000))
        #expect(summary.clients.top(1).map(\.name) == ["a"])
    }

    @Test("a line about all rows of a request counts as so many decisions")
    func whole() throws {
        var record = DecisionRecord.make(time: 1, client: "d", score: nil, percentile: nil, verdict: .reject)
        (record.row, record.rows) = (nil, 7)
        #expect(try #require(DecisionRecord(line: record.line())) == record)
        var summary = DecisionSummary(replay: Replay(bands: []))
        for record in [record] + sample { summary.add(record) }
        #expect(summary.decisions == 12 && summary.verdicts[.reject] == 8)
        #expect(summary.clients.top(1).map(\.name) == ["d"] && summary.clients.top(1)[0].count == 7)
        #expect(summary.replay?.unknown == 8)
        record.rows = 0
        #expect(record.queries == 1, "nobody could read how many")
    }

    @Test("each filter leaves aside what it says; until is exclusive")
    func filters() {
        #expect(summary(DecisionFilter(route: "other")).decisions == 1)
        #expect(summary(DecisionFilter(verdicts: [.reject, .perturb])).decisions == 2)
        #expect(summary(DecisionFilter(client: "a")).decisions == 3)
        #expect(summary(DecisionFilter(since: WallTime(milliseconds: 2_000))).decisions == 4)
        #expect(summary(DecisionFilter(until: WallTime(milliseconds: 2_000))).decisions == 1)
        #expect(summary(DecisionFilter(leastPercentile: 99)).decisions == 2)
        #expect(summary(DecisionFilter(route: "other")).filtered == 4)
    }

    @Test("a replay decides by other bands and says what is unknown")
    func replay() throws {
        let bands = [Replay.Band(above: 99, verdict: .reject), Replay.Band(above: 5, verdict: .perturb)]
        let replay = try #require(summary(replay: Replay(bands: bands)).replay)
        #expect(replay.rows.was == [.pass: 1, .perturb: 1, .proofOfWork: 1, .reject: 1])
        #expect(replay.rows.wouldBe == [.perturb: 2, .reject: 2])
        #expect(replay.rows.changed == 2 && replay.unknown == 1)
        #expect(replay.verdict(at: 5) == .pass && replay.verdict(at: 99) == .perturb)
    }

    @Test("the text has the figures in aligned columns")
    func text() {
        var findings = LogReader.Findings()
        findings.lines = 6
        findings.malformed = 1
        let text = summary(replay: Replay(bands: [.init(above: 99, verdict: .reject)])).text(
            findings: findings)
        #expect(
            text.hasPrefix(
                "5 decisions\nfrom 1970-01-01T00:00:01.000Z to 1970-01-01T00:00:05.000Z (4 s)\n1 of 6 lines"))
        #expect(
            text.contains("route    decisions  enforced  pass  perturb  proof-of-work  reject  unscored\n"))
        #expect(
            text.contains("predict          4         4     1        1              1       1         0\n"))
        #expect(
            text.contains("share                         20 %     20 %           20 %    20 %      20 %\n"))
        #expect(text.contains("a               3\n"))
        #expect(
            text.contains("verdict                                    rows  would be  requests  would be\n"))
        #expect(
            text.contains("pass                                          1         2         1         2\n"))
        #expect(
            text.contains("not scored, and passed whatever the bands     1         1         1         1\n"))
        #expect(
            text.contains("total                                         5         5         5         5\n"))
        #expect(text.contains("would change: 2 of 5 rows, 2 of 5 requests"))
    }

    @Test("the JSON has the same figures for another reader")
    func json() throws {
        let text = summary(replay: Replay(bands: [])).json(findings: LogReader.Findings())
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(object["decisions"] as? Int == 5)
        let routes = try #require(object["routes"] as? [[String: Any]])
        #expect(routes.map { $0["route"] as? String } == ["other", "predict"])
        let totals = try #require(routes[1]["total_ms"] as? [String: Double])
        #expect(abs((totals["p50"] ?? 0) - 6) < 0.06)
        #expect((object["replay"] as? [String: Any])?["changed"] as? Int == 3)
    }

    @Test("a summary of nothing is a summary")
    func empty() {
        #expect(DecisionSummary().text(findings: LogReader.Findings()).hasPrefix("0 decisions"))
        let json = DecisionSummary().json(findings: LogReader.Findings())
        #expect((try? JSONSerialization.jsonObject(with: Data(json.utf8))) != nil)
        #expect(json.count { $0 == "\n" } == 1 && json.last == "\n")
    }

    @Test("memory stays bounded whatever names a forged log makes up")
    func forged() {
        var summary = DecisionSummary()
        for index in 0..<20_000 {
            summary.add(
                .make(client: "c\(index)", route: "r\(index)", verdict: .init(rawValue: "v\(index)")))
        }
        #expect(summary.routes.count <= 257 && summary.verdicts.count <= 65)
        #expect(summary.clients.top(100_000).count <= 4_096)
    }
}

@Suite("Sketches")
struct SketchTests {
    @Test("quantiles are within 1 % of the exact ones", arguments: [1, 2, 3])
    func quantiles(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let values = (0..<5_000).map { _ in
            let sign = Bool.random(using: &generator) ? 1.0 : -1
            return sign * exp(Double.random(in: -20...20, using: &generator))
        }
        var sketch = QuantileSketch()
        values.forEach { sketch.add($0) }
        let sorted = values.sorted()
        for share in [0.0, 0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 1] {
            let exact = sorted[max(1, Int((share * 5_000).rounded(.up))) - 1]
            let found = try #require(sketch.quantile(share))
            #expect(abs(found - exact) <= 0.0101 * abs(exact))
        }
    }

    @Test("zeros, extremes and values that are not finite have their places")
    func extremes() {
        var sketch = QuantileSketch()
        #expect(sketch.quantile(0.5) == nil)
        for value in [0, -0.0, 1e-300, .nan, .infinity] { sketch.add(value) }
        #expect(sketch.count == 3 && sketch.quantile(0.5) == 0)
        sketch.add(1e300)
        #expect(abs((sketch.quantile(1) ?? 0) / 1e12 - 1) < 0.02)
    }

    @Test("every name above its share is found, and no count is short by more than the error")
    func hitters() {
        var generator = SeededGenerator(seed: 2)
        var exact: [String: Int] = [:]
        var hitters = HeavyHitters(capacity: 20)
        for _ in 0..<20_000 {
            let name =
                Bool.random(using: &generator)
                ? "often \(Int.random(in: 0..<3, using: &generator))" : "\(generator.next())"
            exact[name, default: 0] += 1
            hitters.add(name)
        }
        let top = hitters.top(3)
        #expect(Set(top.map(\.name)) == ["often 0", "often 1", "often 2"])
        #expect(hitters.error <= 20_000 / 21)
        for (name, count) in top {
            #expect(count <= exact[name] ?? 0 && (exact[name] ?? 0) - count <= hitters.error)
        }
    }
}
