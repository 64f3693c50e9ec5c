import Engine
import Synchronization
import Tensor
import Testing
import Transport

@testable import Gateway

@Suite("Gateway: the order of the scoring queue")
struct ScoringQueueTests {
    static let plans = Result {
        [
            try Engine.Plan(TinyModel.gray.get().bundle, precision: .f32),
            try Engine.Plan(TinyModel.otherGray.get().bundle, precision: .f32),
        ]
    }
    static let start = MonotonicTime(nanoseconds: 1_000)

    /// A query that nobody computes; `name` is its first value.
    static func query(
        _ name: Int, model: Int = 0, rows: Int = 1, patience: Duration? = nil,
        at submitted: MonotonicTime = start
    ) throws -> ScoringQuery {
        let plan = try plans.get()[model]
        return ScoringQuery(
            plan, rows: rows, values: Array(repeating: Float(name), count: rows * plan.image.count),
            submitted: submitted, patience: patience, completion: { _ in })
    }

    /// The names of the queries in a turn, each with its rows.
    static func describe(_ turn: ScoringQueue.Turn?) -> [String] {
        switch turn?.work {
        case nil: []
        case .job: ["job"]
        case .rows(let plan, let slices):
            slices.map {
                #expect($0.query.plan === plan)
                return "\(Int($0.query.values[0])):\($0.rows.lowerBound)..<\($0.rows.upperBound)"
            }
        }
    }

    static func drain(_ queue: inout ScoringQueue, now: MonotonicTime = start, workers: Int = 1) -> [[String]]
    {
        var (turns, late) = ([[String]](), [ScoringQueue.Ended]())
        while let turn = queue.take(now: now, workers: workers, late: &late) { turns.append(describe(turn)) }
        return turns
    }

    @Test("one model's queries are taken first come, first served, whole turns at once")
    func order() throws {
        var queue = ScoringQueue(rowsMax: 100, turnRowsMax: 4)
        for name in 1...6 {
            #expect(queue.add(.query(try Self.query(name)), of: nil).displaced?.isEmpty == true)
        }
        #expect(
            Self.drain(&queue) == [
                ["1:0..<1", "2:0..<1", "3:0..<1", "4:0..<1"], ["5:0..<1", "6:0..<1"],
            ])
        #expect(queue.isEmpty && queue.rows == 0)
    }

    @Test("a long query takes several turns, and shares the last with the next one")
    func slices() throws {
        var queue = ScoringQueue(rowsMax: 100, turnRowsMax: 4)
        _ = queue.add(.query(try Self.query(1, rows: 10)), of: nil)
        _ = queue.add(.query(try Self.query(2, rows: 3)), of: nil)
        #expect(
            Self.drain(&queue) == [["1:0..<4"], ["1:4..<8"], ["1:8..<10", "2:0..<2"], ["2:2..<3"]])
    }

    @Test(
        "free workers share what waits instead of one taking it all",
        arguments: [(1, 8), (2, 4), (3, 3), (8, 1)])
    func share(workers: Int, rows: Int) throws {
        var queue = ScoringQueue(rowsMax: 100, turnRowsMax: 16)
        _ = queue.add(.query(try Self.query(1, rows: 8)), of: nil)
        var late: [ScoringQueue.Ended] = []
        let turn = queue.take(now: Self.start, workers: workers, late: &late)
        #expect(Self.describe(turn) == ["1:0..<\(rows)"])
        #expect(queue.rows == 8 - rows)
    }

    @Test("a flood of one model delays another's query by one turn")
    func fairness() throws {
        var queue = ScoringQueue(rowsMax: 1_000, turnRowsMax: 2)
        for name in 100..<140 { _ = queue.add(.query(try Self.query(name)), of: nil) }
        var late: [ScoringQueue.Ended] = []
        for _ in 0..<3 { _ = queue.take(now: Self.start, workers: 1, late: &late) }
        _ = queue.add(.query(try Self.query(1, model: 1)), of: nil)
        _ = queue.add(.query(try Self.query(2, model: 1)), of: nil)
        let turns = Self.drain(&queue)
        let place = try #require(turns.firstIndex(of: ["1:0..<1", "2:0..<1"]))
        #expect(place <= 1)
    }

    @Test("two models that always wait get the same share of rows; one that was idle has saved up nothing")
    func shares() throws {
        var queue = ScoringQueue(rowsMax: 1_000, turnRowsMax: 3)
        for name in 0..<60 { _ = queue.add(.query(try Self.query(100 + name)), of: nil) }
        var late: [ScoringQueue.Ended] = []
        for _ in 0..<10 { _ = queue.take(now: Self.start, workers: 1, late: &late) }
        for name in 0..<30 { _ = queue.add(.query(try Self.query(200 + name, model: 1)), of: nil) }
        var rows = [0, 0]
        for _ in 0..<10 {
            guard
                case .rows(let plan, let slices) = queue.take(now: Self.start, workers: 1, late: &late)?.work
            else {
                break
            }
            rows[plan === (try Self.plans.get()[0]) ? 0 : 1] += slices.count
        }
        #expect(rows == [15, 15])
    }

    @Test(
        "in a full queue a model with fewer rows displaces the newest of the one with the most, until they are even"
    )
    func displacement() throws {
        var queue = ScoringQueue(rowsMax: 8, turnRowsMax: 1)
        for name in 1...8 { _ = queue.add(.query(try Self.query(name)), of: nil) }
        #expect(queue.add(.query(try Self.query(9)), of: nil).displaced == nil)
        var displaced: [Int] = []
        for name in 101...104 {
            let out = try #require(queue.add(.query(try Self.query(name, model: 1)), of: nil).displaced)
            displaced += out.map { Int($0.query.values[0]) }
        }
        #expect(displaced == [8, 7, 6, 5])
        #expect(queue.add(.query(try Self.query(105, model: 1)), of: nil).displaced == nil)
        #expect(queue.rows == 8)
        #expect(Set(Self.drain(&queue).joined()).count == 8)
    }

    @Test("what has begun, and jobs, are not displaced")
    func begun() throws {
        var queue = ScoringQueue(rowsMax: 4, turnRowsMax: 1)
        _ = queue.add(.query(try Self.query(1, rows: 4)), of: nil)
        var late: [ScoringQueue.Ended] = []
        _ = queue.take(now: Self.start, workers: 1, late: &late)
        #expect(queue.add(.query(try Self.query(2, model: 1, rows: 2)), of: nil).displaced == nil)
        var jobs = ScoringQueue(rowsMax: 2, turnRowsMax: 1)
        for _ in 0..<2 { _ = jobs.add(.job(rows: 1, operations: 1) { _ in }, of: nil) }
        #expect(jobs.add(.query(try Self.query(3)), of: nil).displaced == nil)
        #expect(Self.drain(&jobs) == [["job"], ["job"]])
    }

    @Test("a query whose deadline has passed, or that nobody waits for, is not computed")
    func deadlines() throws {
        var queue = ScoringQueue(rowsMax: 100, turnRowsMax: 8)
        _ = queue.add(.query(try Self.query(1, patience: .nanoseconds(10))), of: nil)
        _ = queue.add(.query(try Self.query(2, patience: .nanoseconds(11))), of: nil)
        let gone = try Self.query(3, rows: 5)
        _ = queue.add(.query(gone), of: nil)
        _ = queue.add(.query(try Self.query(4, patience: .nanoseconds(10))), of: nil)
        _ = queue.add(.query(try Self.query(5)), of: nil)
        #expect(queue.leave(gone.place) != nil && queue.leave(gone.place) == nil)
        var late: [ScoringQueue.Ended] = []
        let turn = queue.take(now: Self.start.advanced(byNanoseconds: 11), workers: 1, late: &late)
        #expect(Self.describe(turn) == ["2:0..<1", "5:0..<1"])
        #expect(late.map { Int($0.query.values[0]) } == [1, 4])
        #expect(queue.isEmpty)
    }

    @Test(
        "rows add up whatever comes and goes, and every accepted row is taken once or reported",
        arguments: 0..<8)
    func conservation(seed: UInt64) throws {
        var generator = RandomGenerator(seed: seed)
        var queue = ScoringQueue(rowsMax: 40, turnRowsMax: 5)
        var (now, late, accepted, taken, gone) = (Self.start, [ScoringQueue.Ended](), 0, 0, 0)
        for name in 0..<600 {
            now = now.advanced(byNanoseconds: 1)
            let rows = 1 + Int(generator.next() % 7)
            let patience: Duration? =
                generator.next() % 3 == 0 ? .nanoseconds(Int64(generator.next() % 2_000)) : nil
            let query = try Self.query(
                name, model: Int(generator.next() % 2), rows: rows, patience: patience)
            // Half of the runs tell clients apart: then what the largest has does not count against others.
            let client = seed % 2 == 0 ? nil : ScoringClient.account("\(generator.next() % 4)")
            if let displaced = queue.add(.query(query), of: client).displaced {
                accepted += rows
                gone += displaced.reduce(0) { $0 + $1.query.rows }
            }
            if generator.next() % 2 == 0 { continue }
            let turn = queue.take(now: now, workers: 1 + Int(generator.next() % 3), late: &late)
            if case .rows(_, let slices) = turn?.work {
                let count = slices.reduce(0) { $0 + $1.rows.count }
                #expect((1...5).contains(count))
                taken += count
            }
            // 40 · (1 + 1/2 + 1/3 + 1/4).
            #expect(queue.rows <= (seed % 2 == 0 ? 40 : 83))
            #expect(accepted == taken + gone + late.reduce(0) { $0 + $1.query.rows } + queue.rows)
        }
    }
}

extension ScoringQueue.Placing {
    /// What had to go; nil for what was not taken.
    var displaced: [ScoringQueue.Ended]? { if case .queued(let displaced) = self { displaced } else { nil } }
}
