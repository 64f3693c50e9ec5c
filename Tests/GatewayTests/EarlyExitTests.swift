import Digest
import Foundation
import SAME
import Synchronization
import Testing

@testable import Gateway

@Suite("Gateway: what is examined no further than needed, or not again")
struct EarlyExitTests {
    @Test("with and without early exit every query has the same verdict")
    func sameVerdicts() throws {
        let ranges: [Range<Double>] = [5..<40, 55..<75, 82..<93, 95.5..<98, 98.5..<99.6, 99.9..<100]
        let pictures = try (1...4 as ClosedRange<UInt64>).flatMap { seed in
            try ranges.map { try TinyModel.gray.get().picture($0, seed: seed) }
        }
        var verdicts: [[String]] = []
        for scoring in ["", ", early_exit: true"] {
            let fixture = try GatewayFixture.make(Plan(bands: Plan.all, scoring: scoring))
            for picture in pictures { _ = try fixture.ask(picture) }
            // A batch of all kinds, of which the worst decides.
            _ = try fixture.ask(pictures[0], pictures[5], pictures[1])
            let settled = fixture.gateway.counters.settledEarly.load(ordering: .relaxed)
            #expect((settled > 0) == !scoring.isEmpty)
            let lines = try fixture.lines("decisions")
            let short = lines.filter { $0["terms"] as? [String] == ["reconstruction"] }
            #expect(short.count == settled)
            #expect(short.allSatisfy { $0["verdict"] as? String == "reject" && $0["deviation"] is NSNull })
            verdicts.append(try fixture.verdicts())
        }
        #expect(verdicts[0] == verdicts[1] && Set(verdicts[0]).count == 4)
    }

    @Test(
        "nothing is cut short in observe mode, nor where a rate charges by score",
        arguments: [
            Plan(mode: "observe", scoring: ", early_exit: true"),
            Plan(
                scoring: ", early_exit: true", predictKeys: ", rates: [r]",
                sections: "rates: {r: {cells: 1000, cost: {per_surprise: 1}}}"),
        ])
    func notThere(plan: Plan) throws {
        let fixture = try GatewayFixture.make(plan)
        _ = try fixture.ask(try fixture.model.picture(99.99..<100))
        #expect(fixture.gateway.counters.settledEarly.load(ordering: .relaxed) == 0)
        #expect(try fixture.lines("decisions").first?["deviation"] as? Double != nil)
    }

    @Test("a repeat is not scored again and has the same score, alone and among other rows of a batch")
    func repeats() throws {
        let fixture = try GatewayFixture.make(Plan(bands: Plan.all, scoring: ", cache: 8"))
        let calm = try fixture.model.picture(5..<45), odd = try fixture.model.picture(55..<75)
        let other = try fixture.model.picture(5..<45, seed: 9)
        _ = try fixture.ask(calm)
        let answer = try fixture.ask(calm)
        #expect(answer.body == fixture.victim.answers.last)
        let first = try fixture.ask(odd, calm, other)
        #expect(try fixture.ask(odd, calm, other).body == first.body)
        #expect(fixture.victim.seen.count == 4)
        let counters = fixture.gateway.counters
        #expect(counters.cacheHits.load(ordering: .relaxed) == 1 + 1 + 3)
        #expect(counters.cacheMisses.load(ordering: .relaxed) == 1 + 2)
        let lines = try fixture.lines("decisions")
        let scores = lines.compactMap { $0["score"] as? Double }
        #expect(scores.count == 8 && scores[0] == scores[1] && scores[3] == scores[0])
        #expect(Array(scores[2...4]) == Array(scores[5...7]))
    }
}

@Suite("Gateway: kept examinations")
struct ExaminationCacheTests {
    static func examination(_ number: Int) -> Examination {
        Examination(reconstructionLoss: Float(number), roughness: 0, auxiliaryProbabilities: [1])
    }

    static func digest(_ number: Int) -> SHA256Digest { SHA256.digest(of: "\(number)") }

    @Test("it never holds more than its capacity, and what is asked for stays", arguments: [1, 2, 7])
    func bounded(capacity: Int) {
        let cache = ExaminationCache(capacity: capacity)
        for number in 0..<100 {
            cache.keep(Self.examination(number), of: Self.digest(number))
            #expect(cache.count == min(number + 1, capacity))
            // Asked for in every round, the first is never the one to go where there is room for another.
            if capacity > 1 { #expect(cache.find(Self.digest(0)) == Self.examination(0)) }
        }
        #expect(cache.find(Self.digest(99)) == Self.examination(99))
        #expect(cache.find(Self.digest(1000)) == nil)
    }

    @Test("an examination that was settled early is not kept")
    func settled() {
        let cache = ExaminationCache(capacity: 4)
        var examination = Self.examination(1)
        examination.auxiliaryProbabilities = []
        cache.keep(examination, of: Self.digest(1))
        #expect(cache.count == 0 && cache.find(Self.digest(1)) == nil)
    }
}
