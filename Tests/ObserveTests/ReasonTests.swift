import Foundation
import TestSupport
import Testing

@testable import Observe

@Suite("Summaries: why, and whole requests")
struct ReasonTests {
    /// Rows of one request, of which those past the verdicts' end are missing.
    private func request(
        _ id: String, rows: Int? = nil, _ verdicts: (DecisionRecord.Verdict, percentile: Double?)...,
        reason: String? = nil
    ) -> [DecisionRecord] {
        verdicts.enumerated().map { index, row in
            var record = DecisionRecord.make(
                score: row.percentile, percentile: row.percentile, verdict: row.0, isEnforced: false)
            (record.requestID, record.row, record.rows) = (id, index, rows ?? verdicts.count)
            record.reason = reason
            return record
        }
    }

    private func unscored(_ reason: String, _ verdict: DecisionRecord.Verdict = .reject) -> DecisionRecord {
        var record = DecisionRecord.make(score: nil, percentile: nil, verdict: verdict, isEnforced: false)
        (record.row, record.rows, record.reason) = (nil, 0, reason)
        return record
    }

    private func summary(
        _ records: [DecisionRecord], _ filter: DecisionFilter = DecisionFilter(), reject above: Double? = nil
    ) -> DecisionSummary {
        let replay = above.map { Replay(bands: [Replay.Band(above: $0, verdict: .reject)]) }
        var summary = DecisionSummary(filter: filter, replay: replay)
        for record in records { summary.add(record) }
        return summary
    }

    private func object(_ summary: DecisionSummary) throws -> [String: Any] {
        let text = summary.json(findings: LogReader.Findings())
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    // MARK: Reasons

    @Test(
        "what differs between queries is folded, what tells mistakes apart is not",
        arguments: [
            (
                "undecodable: row 3 has the shape [5] at byte 24; expected [2][3][1] or [6]",
                "undecodable: row N has the shape [5] at byte N; expected [2][3][1] or [6]"
            ),
            ("row 12 has a base64 value at byte 7", "row N has a base64 value at byte N"),
            ("byte 7 is no finite 32-bit number", "byte N is no finite 32-bit number"),
            ("row 3 sums to 1.01e-2 or less", "row N sums to N or less"),
            (
                "the input \"b 1\" at byte 39 is not the input \"a\"",
                #"the input "…" at byte N is not the input "…""#
            ),
            ("one of the outputs: \"a\", \"b\", \"c\"", #"one of the outputs: "…""#),
            (#"neither "instances" nor "inputs""#, #"neither "instances" nor "inputs""#),
            ("at byte 7: unexpected byte 0x89", "at byte N: unexpected byte N"),
            ("the upstream answered 503", "the upstream answered 503"),
            ("the rate per-10 has no room", "the rate per-10 has no room"),
            ("a\tb\u{1B}[1m\n \"", "a b [Nm  \""), ("", ""), ("5", "N"), ("1.", "N."), ("1e", "Ne"),
        ])
    func folding(reason: String, expected: String) {
        #expect(FoldedReason(reason).text == expected)
    }

    @Test("a long reason is cut, wherever a character ends")
    func longReason() {
        for unit in ["x", "é", "9 ", "input \"a\" "] {
            #expect(FoldedReason(String(repeating: unit, count: 5_000)).text.utf8.count < 300)
        }
    }

    @Test("reasons are counted alike, those of scored rows apart from the others, the most frequent first")
    func reasons() throws {
        var records = (0..<19).map {
            unscored("undecodable: row \($0) has a string for a number at byte \($0)")
        }
        records.append(unscored("the scoring queue is full", .unscored))
        records += request("a", (.pass, 10), (.pass, 20), (.reject, 99.9))
        let summary = summary(records)
        let folded = "undecodable: row N has a string for a number at byte N"
        #expect(
            summary.unscored.top(9).kinds == [
                .init(verdict: "reject", reason: folded, decisions: 19),
                .init(verdict: "unscored", reason: "the scoring queue is full", decisions: 1),
            ])
        #expect(
            summary.scored.top(9).kinds == [
                .init(verdict: "pass", reason: nil, decisions: 2),
                .init(verdict: "reject", reason: nil, decisions: 1),
            ])
        let text = summary.text(findings: LogReader.Findings())
        #expect(
            text.contains("\nscored          verdict  decisions\n(by its score)     pass          2\n"),
            "\(text)")
        #expect(text.contains("\n\(folded)    reject         19\n"), "\(text)")
        let members = try object(summary)
        let listed = try #require(members["not_scored"] as? [String: Any])
        #expect(listed["decisions"] as? Int == 20 && listed["other_reasons"] as? Int == 0)
        let first = try #require((listed["reasons"] as? [[String: Any]])?.first)
        #expect(first["reason"] as? String == folded && first["decisions"] as? Int == 19)
    }

    @Test("so many kinds of reasons are kept; the rest are others, and the frequent ones stay")
    func manyReasons() {
        var records: [DecisionRecord] = []
        for index in 0..<5_000 {
            records += [unscored("x\(index)"), unscored("undecodable: often")]
        }
        let (kinds, others) = summary(records).unscored.top(3)
        #expect(kinds.first?.reason == "undecodable: often")
        #expect(kinds.reduce(others) { $0 + $1.decisions } == 10_000 && others >= 4_000)
        #expect(summary(records).unscored.top(10_000).kinds.count <= 256)
        #expect(summary(records).text(findings: LogReader.Findings()).contains("(other reasons)"))
    }

    // MARK: Requests

    @Test("a request fares as the worst of its rows, wherever they stand among those of others")
    func requests() throws {
        let first = request("a", (.pass, 10), (.reject, 99.9), (.perturb, 98), (.pass, 1))
        let second = request("b", (.pass, 10), (.perturb, 98), (.proofOfWork, 99.5))
        var interleaved: [DecisionRecord] = []
        for index in first.indices {
            interleaved.append(first[index])
            if index < second.count { interleaved.append(second[index]) }
        }
        let summary = summary(interleaved + request("c", (.pass, 5)) + [unscored("undecodable: x")])
        #expect(summary.decisions == 9)
        #expect(summary.requests.verdicts == [.pass: 1, .proofOfWork: 1, .reject: 2])
        let text = summary.text(findings: LogReader.Findings())
        #expect(text.contains("route    requests  pass  proof-of-work  reject\n"), "\(text)")
        #expect(text.contains("predict         4     1              1       2\n"), "\(text)")
        let counted = try #require(try object(summary)["requests"] as? [String: Any])
        #expect(counted["count"] as? Int == 4)
    }

    @Test("rows of requests that a log has lost cost no memory, and count as what is known of them")
    func incomplete() {
        var records: [DecisionRecord] = []
        for index in 0..<1_000 { records += request("r\(index)", rows: 3, (.pass, 10), (.perturb, 98)) }
        let summary = summary(records)
        #expect(summary.requests.verdicts == [.perturb: 1_000])
        var forged = request("x", rows: 1 << 20, (.pass, 10))[0]
        forged.requestID = ""
        #expect(self.summary([forged, forged]).requests.verdicts == [.pass: 1])
    }

    @Test("a filter that takes some rows of a request shows the request by them")
    func filtered() {
        let records = request("a", (.pass, 10), (.perturb, 98)) + request("b", (.pass, 10), (.pass, 20))
        let taken = summary(records, DecisionFilter(verdicts: [.perturb]))
        #expect(taken.requests.verdicts == [.perturb: 1] && taken.filtered == 3)
    }

    @Test("a replay adds up to all rows and requests; what no bands change stands apart")
    func replay() throws {
        let records =
            request("a", (.pass, 10), (.pass, 98), (.pass, 20)) + request("b", (.pass, 10), (.pass, 30))
            + request("c", (.reject, 50), reason: "unreadable answer: its content coding is gzip")
            + request("d", (.pass, 99), reason: "the upstream answered 500")
            + [unscored("undecodable: x"), unscored("undecodable: y"), unscored("late", .unscored)]
        let summary = summary(records, reject: 97)
        let rows = try #require(summary.replay?.rows)
        #expect(rows.was == [.pass: 5] && rows.wouldBe == [.pass: 4, .reject: 1] && rows.changed == 1)
        let fixed: [Replay.Tally.Fixed: Int] = [
            .init(isScored: false, verdict: .reject): 2, .init(isScored: false, verdict: .unscored): 1,
            .init(isScored: true, verdict: .reject): 1, .init(isScored: true, verdict: .pass): 1,
        ]
        #expect(rows.fixed == fixed && rows.total == summary.decisions && summary.replay?.unknown == 3)
        let requests = summary.requests.replay
        #expect(requests.was == [.pass: 2] && requests.wouldBe == [.pass: 1, .reject: 1])
        #expect(requests.fixed == fixed && requests.changed == 1 && requests.total == summary.requests.total)
        let text = summary.text(findings: LogReader.Findings())
        #expect(
            text.contains(
                "not scored, and refused whatever the bands       2         2         2         2\n"),
            "\(text)")
        #expect(text.contains("would change: 1 of 10 rows, 1 of 7 requests"), "\(text)")
        let members = try #require(try object(summary)["replay"] as? [String: Any])
        let asked = try #require(members["requests"] as? [String: Any])
        #expect(members["unknown"] as? Int == 3 && asked["changed"] as? Int == 1)
        #expect((asked["whatever_the_bands"] as? [[String: Any]])?.count == 4)
    }
}
