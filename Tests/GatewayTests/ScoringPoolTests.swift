import Dispatch
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Gateway

@Suite("Gateway: the scoring pool")
struct ScoringPoolTests {
    /// A pool of one worker that is busy until `gate` is signalled.
    static func busy(queue: Int) -> (pool: ScoringPool, gate: DispatchSemaphore) {
        let pool = ScoringPool(workers: 1, queueRowsMax: queue)
        let started = DispatchSemaphore(value: 0)
        let gate = DispatchSemaphore(value: 0)
        let admission = pool.submit(rows: 1) { _ in
            started.signal()
            gate.wait()
        }
        #expect(admission == .accepted)
        started.wait()
        return (pool, gate)
    }

    @Test("the queue is bounded in rows, not in jobs, and refusals are counted")
    func bound() {
        let (pool, gate) = Self.busy(queue: 10)
        #expect(pool.queuedRows == 0)
        #expect(pool.submit(rows: 6) { _ in } == .accepted)
        #expect(pool.submit(rows: 5) { _ in } == .overloaded)
        #expect(pool.submit(rows: 4) { _ in } == .accepted)
        #expect(pool.submit(rows: 1) { _ in } == .overloaded)
        #expect(pool.queuedRows == 10 && pool.refusedJobs == 2)
        gate.signal()
        pool.stop()
        #expect(pool.queuedRows == 0)
    }

    @Test("a batch larger than the whole queue is taken when nothing waits, and only then")
    func oversized() {
        let (pool, gate) = Self.busy(queue: 4)
        #expect(pool.submit(rows: 100) { _ in } == .accepted)
        #expect(pool.submit(rows: 1) { _ in } == .overloaded)
        gate.signal()
        pool.stop()
    }

    @Test("jobs run in order, once each, also through a queue that wraps around", arguments: [1, 3])
    func order(queue: Int) {
        let pool = ScoringPool(workers: 1, queueRowsMax: queue)
        let ran = Box<[Int]>([])
        let done = DispatchSemaphore(value: 0)
        for index in 0..<50 {
            let admission = pool.submit(rows: 1) { _ in
                ran.value.withLock { $0.append(index) }
                done.signal()
            }
            #expect(admission == .accepted)
            done.wait()
        }
        pool.stop()
        #expect(ran.value.withLock { $0 } == Array(0..<50))
    }

    @Test("a stop finishes what is queued and takes no more", arguments: [1, 4])
    func stop(workers: Int) {
        let pool = ScoringPool(workers: workers, queueRowsMax: 1000)
        let count = Box(0)
        for _ in 0..<200 {
            #expect(pool.submit(rows: 3) { _ in count.value.withLock { $0 += 1 } } == .accepted)
        }
        pool.stop()
        #expect(count.value.withLock { $0 } == 200)
        #expect(pool.submit(rows: 1) { _ in } == .stopped)
        pool.stop()
        #expect(pool.refusedJobs == 1)
    }

    @Test(
        "whoever is told of its row may ask again at once: the row does not count any more",
        arguments: [true, false])
    func again(isQuery: Bool) throws {
        let (pool, gate) = Self.busy(queue: 1)
        let (asker, other) = (ScoringClient.account("a"), ScoringClient.account("b"))
        let found = Box<[ScoringPool.Admission]>([])
        let ask: @Sendable () -> Void = {
            // The queue is another's by then.
            let admissions = [other, asker].map { pool.submit(rows: 1, of: $0) { _ in } }
            found.value.withLock { $0 += admissions }
        }
        if isQuery {
            let plan = try ScoringQueueTests.plans.get()[0]
            let query = ScoringQuery(
                plan, rows: 1, values: Array(repeating: 0, count: plan.image.count),
                submitted: .init(nanoseconds: 0), completion: { _ in ask() })
            #expect(pool.submit(query, of: asker) == .accepted)
        } else {
            #expect(pool.submit(rows: 1, of: asker) { $0.tell(ask) } == .accepted)
        }
        gate.signal()
        #expect(eventually("an answer") { found.value.withLock { $0.count == 2 } })
        pool.stop()
        #expect(found.value.withLock { $0 } == [.accepted, .overloaded])
    }

    @Test("what is taken back is let go of at once, with all that it holds, and counts for nobody")
    func leave() throws {
        let (pool, gate) = Self.busy(queue: 2)
        let (client, place) = (ScoringClient.account("a"), ScoringPlace())
        weak var body: Box<Int>?
        do {
            let held = Box(0)
            body = held
            let admission = pool.submit(rows: 1, of: client, at: place) { _ in
                held.value.withLock { $0 += 1 }
            }
            #expect(admission == .accepted)
        }
        let plan = try ScoringQueueTests.plans.get()[0]
        let query = ScoringQuery(
            plan, rows: 1, values: Array(repeating: 0, count: plan.image.count),
            submitted: .init(nanoseconds: 0), completion: { _ in Issue.record("nobody waits for it") })
        #expect(pool.submit(query, of: client) == .accepted)
        #expect(pool.submit(rows: 1, of: client) { _ in } == .crowded)
        #expect(body != nil)
        pool.leave([place, query.place])
        #expect(body == nil && pool.queuedRows == 0)
        #expect(pool.submit(rows: 1, of: client) { _ in } == .accepted)
        pool.leave([place, query.place])
        #expect(pool.queuedRows == 1)
        gate.signal()
        pool.stop()
    }

    @Test("a client has leave to go by for one row at a time, which is given back once however it ends")
    func passes() {
        let (pool, gate) = Self.busy(queue: 1)
        let (client, other) = (ScoringClient.account("a"), ScoringClient.account("b"))
        #expect(pool.submit(rows: 1, of: other) { _ in } == .accepted)
        var pass = pool.letBy(client)
        #expect(pass != nil && pool.letBy(client) == nil && pool.letBy(other) != nil)
        #expect(pool.letBy(nil) != nil && pool.letBy(nil) != nil)
        #expect(pool.submit(rows: 1, of: client) { _ in } == .crowded)
        pass?.end()
        #expect(pool.submit(rows: 1, of: client) { _ in } == .overloaded)
        let next = pool.letBy(client)
        // The first one's end has been told already.
        pass?.end()
        pass = nil
        #expect(next != nil && pool.letBy(client) == nil && pool.passingRows == 1)
        next?.end()
        #expect(pool.passingRows == 0)
        gate.signal()
        pool.stop()
    }

    @Test("a worker that sleeps keeps nothing of what it has done")
    func sleeper() {
        let pool = ScoringPool(workers: 1, queueRowsMax: 2)
        weak var body: Box<Int>?
        let done = DispatchSemaphore(value: 0)
        do {
            let held = Box(0)
            body = held
            let admission = pool.submit(rows: 1) { scratch in
                scratch.tell {
                    held.value.withLock { $0 += 1 }
                    done.signal()
                }
            }
            #expect(admission == .accepted)
        }
        done.wait()
        #expect(eventually("nothing kept") { body == nil })
        pool.stop()
    }

    @Test("each worker has scratch memory of its own, and keeps it")
    func scratch() {
        let pool = ScoringPool(workers: 2, queueRowsMax: 100)
        let seen = Box<[ObjectIdentifier]>([])
        let both = DispatchSemaphore(value: 0)
        let gate = DispatchSemaphore(value: 0)
        for _ in 0..<2 {
            _ = pool.submit(rows: 1) { scratch in
                seen.value.withLock { $0.append(ObjectIdentifier(scratch)) }
                both.signal()
                gate.wait()
            }
        }
        both.wait()
        both.wait()
        for _ in 0..<2 { gate.signal() }
        for _ in 0..<20 {
            _ = pool.submit(rows: 1) { scratch in seen.value.withLock { $0.append(ObjectIdentifier(scratch)) }
            }
        }
        pool.stop()
        let all = seen.value.withLock { $0 }
        #expect(all.count == 22 && Set(all.prefix(2)).count == 2 && Set(all).count == 2)
    }
}
