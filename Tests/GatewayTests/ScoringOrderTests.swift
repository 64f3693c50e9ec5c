import Tensor
import Testing
import Transport

@testable import Gateway

@Suite("Gateway: the scoring queue beside a naive one")
struct ScoringOrderTests {
    /// The two queues, and what has been given to them.
    private struct Pair {
        var real: ScoringQueue
        var naive: NaiveScoringQueue
        var live: [ScoringPlace] = []
        var turns: [[ScoringQueue.Share]] = []
        var generator: RandomGenerator
        var now = ScoringQueueTests.start
        let tellsApart: Bool

        init(seed: UInt64, rowsMax: Int, turnRowsMax: Int) {
            real = ScoringQueue(rowsMax: rowsMax, turnRowsMax: turnRowsMax)
            naive = NaiveScoringQueue(rowsMax: rowsMax, turnRowsMax: turnRowsMax)
            generator = RandomGenerator(seed: seed)
            tellsApart = seed % 3 != 0
        }

        mutating func add() throws {
            let client = tellsApart ? ScoringClient.account("\(generator.integer(below: 6))") : nil
            let rows = 1 + generator.integer(below: generator.integer(below: 10) == 0 ? 60 : 7)
            let found: ScoringQueue.Placing
            let wanted: NaiveScoringQueue.Placing
            let place: ScoringPlace
            // Jobs and queries in one queue tell nobody apart from each other: who displaces whom is told for queries alone.
            if tellsApart, generator.integer(below: 5) == 0 {
                place = ScoringPlace()
                let cost = Double(1 + generator.integer(below: 50_000))
                found = real.add(.job(rows: 1, operations: cost) { _ in }, at: place, of: client)
                wanted = naive.add(
                    place, rows: 1, model: -1, operationsPerRow: cost, deadline: .never, of: client)
            } else {
                let model = generator.integer(below: 2)
                let patience: Duration? =
                    generator.integer(below: 4) == 0
                    ? .nanoseconds(Int64(generator.integer(below: 60))) : nil
                let query = try ScoringQueueTests.query(
                    0, model: model, rows: rows, patience: patience, at: now)
                place = query.place
                found = real.add(.query(query), of: client)
                wanted = naive.add(
                    place, rows: rows, model: model, operationsPerRow: query.plan.operations,
                    deadline: query.deadline, of: client)
            }
            switch found {
            case .queued(let displaced):
                #expect(wanted == .queued(displaced.map(\.query.place)))
                live.append(place)
            case .full: #expect(wanted == .full)
            case .crowded: #expect(wanted == .crowded)
            }
        }

        mutating func take() {
            now = now.advanced(byNanoseconds: UInt64(generator.integer(below: 8)))
            let workers = 1 + generator.integer(below: 3)
            var late: [ScoringQueue.Ended] = []
            let turn = real.take(now: now, workers: workers, late: &late)
            let wanted = naive.take(now: now, workers: workers)
            #expect(late.map(\.query.place) == wanted.late)
            switch turn?.work {
            case nil: #expect(wanted.turn.isEmpty)
            case .job: #expect(turn?.shares.map(\.place) == wanted.turn.map(\.place))
            case .rows(_, let slices):
                #expect(slices.map(\.query.place) == wanted.turn.map(\.place))
                #expect(slices.map(\.rows) == wanted.turn.map(\.rows))
            }
            if let turn { turns.append(turn.shares) }
        }

        mutating func finish() {
            guard !turns.isEmpty else { return }
            let done = turns.remove(at: generator.integer(below: turns.count))
            real.finish(done)
            for share in done { naive.finish(share.place, rows: share.rows) }
        }

        mutating func leave() {
            guard !live.isEmpty else { return }
            let place = live.remove(at: generator.integer(below: live.count))
            _ = real.leave(place)
            naive.leave(place)
        }
    }

    @Test("what comes, goes, is refused, late, displaced or taken back is so in both", arguments: 0..<18)
    func oracle(seed: UInt64) throws {
        var pair = Pair(
            seed: seed, rowsMax: [1, 12, 40][Int(seed % 6) / 2], turnRowsMax: [1, 4, 9][Int(seed % 9) / 3])
        for _ in 0..<800 {
            switch pair.generator.integer(below: 10) {
            case 0..<5: try pair.add()
            case 5..<7: pair.take()
            case 7..<9: pair.finish()
            default: pair.leave()
            }
            #expect(pair.real.rows == pair.naive.rows)
        }
        // Whatever happened, nothing is left of it once all is done.
        while !pair.turns.isEmpty || pair.real.rows > 0 {
            pair.take()
            pair.finish()
        }
        #expect(pair.real.isEmpty && pair.real.heldCount == 0 && pair.naive.working.isEmpty)
    }

    @Test("a client that was served ahead of others is remembered as such; of many no more than so many")
    func ahead() throws {
        var lane = ScoringLane(model: nil, tag: 0)
        func append(_ number: UInt64, _ client: String, cost: Double) {
            _ = lane.append(
                .init(
                    work: .job(rows: 1, operations: cost) { _ in }, place: ScoringPlace(),
                    client: .account(client), number: number, isCrowding: false))
        }
        append(0, "last", cost: 1e9)
        append(1, "last", cost: 1)
        for number in 2..<5_000 { append(UInt64(number), "\(number)", cost: Double(number)) }
        for _ in 0..<4_999 { _ = lane.takeJob() }
        #expect(lane.rows == 1 && lane.flowCount <= ScoringLane.aheadMax + 1)
        // The most expensive one is still ahead of one that comes for the first time.
        append(5_000, "4999", cost: 1)
        append(5_001, "new", cost: 1)
        #expect(lane.first.client == .account("new"))
    }
}
