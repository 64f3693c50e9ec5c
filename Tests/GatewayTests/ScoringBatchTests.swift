import Dispatch
import Engine
import SAME
import Synchronization
import Tensor
import Testing
import Transport

@testable import Gateway

@Suite("Gateway: queries scored together")
struct ScoringBatchTests {
    typealias Results = Box<[Int: ScoringQuery.Outcome]>

    static func rows(of results: Results) -> [Int: [Examination]] {
        results.value.withLock { results in
            results.compactMapValues { if case .examined(let examined) = $0 { examined.rows } else { nil } }
        }
    }

    @Test(
        "whatever turns a query's rows were in, its examinations are bitwise those of its rows one by one",
        arguments: [1, 2, 3], [1, 5, 64])
    func bitwise(workers: Int, turnRowsMax: Int) throws {
        let plans = try ScoringQueueTests.plans.get()
        let pool = ScoringPool(workers: workers, queueRowsMax: 10_000, turnRowsMax: turnRowsMax)
        var generator = RandomGenerator(seed: UInt64(workers * 100 + turnRowsMax))
        let results = Results([:])
        let done = DispatchGroup()
        var queries: [(plan: Engine.Plan, values: [Float])] = []
        for name in 0..<60 {
            let plan = plans[Int(generator.next() % 2)]
            let rows = 1 + Int(generator.next() % 9)
            let values = (0..<rows * plan.image.count).map { _ in generator.uniform(-1..<1) }
            queries.append((plan, values))
            done.enter()
            let query = ScoringQuery(
                plan, rows: rows, values: values, submitted: .init(nanoseconds: 0),
                completion: { outcome in
                    results.value.withLock { $0[name] = outcome }
                    done.leave()
                })
            #expect(pool.submit(query) == .accepted)
        }
        done.wait()
        pool.stop()
        let found = Self.rows(of: results)
        #expect(found.count == queries.count)
        for (name, query) in queries.enumerated() {
            let arena = query.plan.makeArena()
            let width = query.plan.image.count
            let wanted = (0..<query.values.count / width).flatMap { row in
                let values = Array(query.values[row * width..<(row + 1) * width])
                return query.plan.examine(Tensor(shape: [1, width], values: values), arena: arena)
            }
            #expect(found[name] == wanted)
        }
    }

    @Test("each turn is told of once, and the turns' rows are all rows")
    func turns() throws {
        let plan = try ScoringQueueTests.plans.get()[0]
        let (pool, gate) = ScoringPoolTests.busy(queue: 100)
        let turns = Box<[Int]>([])
        for rows in [7, 1, 1, 12, 2] {
            let query = ScoringQuery(
                plan, rows: rows, values: Array(repeating: 0, count: rows * plan.image.count),
                submitted: .init(nanoseconds: 0),
                completion: {
                    if case .examined(let examined) = $0 { turns.value.withLock { $0 += examined.turns } }
                })
            #expect(pool.submit(query) == .accepted)
        }
        gate.signal()
        pool.stop()
        let found = turns.value.withLock { $0 }
        #expect(found.reduce(0, +) == 23 && found.allSatisfy { (1...plan.rowsTogether).contains($0) })
    }

    @Test("a query is ended as late when its deadline has passed by the time a worker is free")
    func late() throws {
        let plan = try ScoringQueueTests.plans.get()[0]
        let clock = ManualClock()
        let pool = ScoringPool(workers: 1, queueRowsMax: 100, clock: clock)
        let (started, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        _ = pool.submit(rows: 1) { _ in
            started.signal()
            gate.wait()
        }
        started.wait()
        let results = Results([:])
        for (name, patience) in [Duration.milliseconds(5), .milliseconds(6), nil].enumerated() {
            let query = ScoringQuery(
                plan, rows: 1, values: Array(repeating: 0, count: plan.image.count), submitted: clock.now(),
                patience: patience, completion: { outcome in results.value.withLock { $0[name] = outcome } })
            #expect(pool.submit(query) == .accepted)
        }
        clock.advance(by: .milliseconds(6))
        gate.signal()
        pool.stop()
        #expect(Self.rows(of: results).keys.sorted() == [1, 2])
        guard case .late = results.value.withLock({ $0[0] }) else {
            Issue.record("the first query's deadline had passed")
            return
        }
    }

    @Test("a lone query is not held back, however long workers may wait for a fuller turn")
    func lone() throws {
        let plan = try ScoringQueueTests.plans.get()[0]
        let pool = ScoringPool(workers: 2, queueRowsMax: 100, turnRowsMax: 8, turnWait: .seconds(3_600))
        for _ in 0..<5 {
            let done = DispatchSemaphore(value: 0)
            let query = ScoringQuery(
                plan, rows: 1, values: Array(repeating: 0, count: plan.image.count),
                submitted: .init(nanoseconds: 0), completion: { _ in done.signal() })
            #expect(pool.submit(query) == .accepted)
            #expect(done.wait(timeout: .now() + 30) == .success)
        }
        pool.stop()
    }

    @Test(
        "while others work a worker waits for a whole turn, and no longer than it may",
        arguments: [true, false])
    func gather(fills: Bool) throws {
        let plan = try ScoringQueueTests.plans.get()[0]
        let pool = ScoringPool(
            workers: 2, queueRowsMax: 100, turnRowsMax: 4,
            turnWait: fills ? .seconds(3_600) : .milliseconds(20))
        let (started, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        _ = pool.submit(rows: 1) { _ in
            started.signal()
            gate.wait()
        }
        started.wait()
        let turns = Box<[Int]>([])
        let done = DispatchGroup()
        for _ in 0..<(fills ? 4 : 3) {
            done.enter()
            let query = ScoringQuery(
                plan, rows: 1, values: Array(repeating: 0, count: plan.image.count),
                submitted: .init(nanoseconds: 0),
                completion: {
                    if case .examined(let examined) = $0 { turns.value.withLock { $0 += examined.turns } }
                    done.leave()
                })
            #expect(pool.submit(query) == .accepted)
        }
        #expect(done.wait(timeout: .now() + 60) == .success)
        let found = turns.value.withLock { $0 }
        #expect(fills ? found == [4] : found.reduce(0, +) == 3)
        gate.signal()
        pool.stop()
    }
}
