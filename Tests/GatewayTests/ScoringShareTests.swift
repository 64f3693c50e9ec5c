import Engine
import Policy
import Testing
import Transport

@testable import Gateway
@testable import Settings

/// How clients share the scoring queue; orders and verdicts are worked out by hand.
@Suite("Gateway: clients' shares of the scoring queue")
struct ScoringShareTests {
    private static let (a, b, c) = (
        ScoringClient.account("a"), ScoringClient.account("b"), ScoringClient.account("c")
    )

    private static func work(
        _ name: Int, rows: Int = 1, model: Int = 0, patience: Duration? = nil
    ) throws -> ScoringQueue.Work {
        .query(try ScoringQueueTests.query(name, model: model, rows: rows, patience: patience))
    }

    private static func take(
        _ queue: inout ScoringQueue, after nanoseconds: UInt64 = 0
    ) -> (turn: [String], late: [ScoringQueue.Ended]) {
        var late: [ScoringQueue.Ended] = []
        let turn = queue.take(
            now: ScoringQueueTests.start.advanced(byNanoseconds: nanoseconds), workers: 1, late: &late)
        if let turn { queue.finish(turn.shares) }
        return (ScoringQueueTests.describe(turn), late)
    }

    /// The name of a query and what became of it.
    private static func describe(_ ended: [ScoringQueue.Ended]) -> [String] {
        ended.map {
            switch $0.outcome {
            case .examined: "\(Int($0.query.values[0])) examined"
            case .late(let isCrowding): "\(Int($0.query.values[0])) late\(isCrowding ? " of many" : "")"
            case .displaced(let isCrowding):
                "\(Int($0.query.values[0])) displaced\(isCrowding ? " of many" : "")"
            }
        }
    }

    @Test("a client's batch delays another's query by one turn, and takes what is left of turns")
    func turns() throws {
        var queue = ScoringQueue(rowsMax: 100, turnRowsMax: 4)
        _ = queue.add(try Self.work(1, rows: 40), of: Self.a)
        #expect(Self.take(&queue).turn == ["1:0..<4"])
        _ = queue.add(try Self.work(2), of: Self.b)
        #expect(Self.take(&queue).turn == ["2:0..<1", "1:4..<7"])
        _ = queue.add(try Self.work(3), of: Self.a)
        _ = queue.add(try Self.work(4, rows: 6), of: Self.b)
        #expect(Self.take(&queue).turn == ["4:0..<2", "1:7..<9"])
        #expect(Self.take(&queue).turn == ["4:2..<4", "1:9..<11"])
    }

    @Test(
        "clients that always wait get the same share of rows, in batches or one by one; what is a client's own stays in order"
    )
    func shares() throws {
        var queue = ScoringQueue(rowsMax: 1_000, turnRowsMax: 6)
        _ = queue.add(try Self.work(0, rows: 300), of: Self.a)
        for name in 1...100 { _ = queue.add(try Self.work(name), of: Self.b) }
        for name in 0..<20 { _ = queue.add(try Self.work(200 + name, rows: 5), of: Self.c) }
        var (rows, order) = ([0, 0, 0], [[Int]](repeating: [], count: 3))
        var late: [ScoringQueue.Ended] = []
        for _ in 0..<40 {
            guard
                case .rows(_, let slices) = queue.take(
                    now: ScoringQueueTests.start, workers: 1, late: &late)?.work
            else { break }
            for slice in slices {
                let name = Int(slice.query.values[0])
                let client = name == 0 ? 0 : name < 200 ? 1 : 2
                rows[client] += slice.rows.count
                order[client].append(name)
            }
        }
        #expect(rows.reduce(0, +) == 240 && rows.allSatisfy { (78...82).contains($0) }, "\(rows)")
        for names in order { #expect(names == names.sorted()) }
    }

    /// Turns of one row that each client gets while `busy` has rows waiting and `steady` sends one at `share` of the capacity.
    private static func turns(
        steady share: Double, of work: (Int) throws -> ScoringQueue.Work
    ) throws -> (steady: Int, busy: Int) {
        var (queue, late, counts, owed) = (
            ScoringQueue(rowsMax: 5_000, turnRowsMax: 1), [ScoringQueue.Ended](), [0, 0], 0.0
        )
        for _ in 0..<1_000 { _ = queue.add(try work(0), of: a) }
        for _ in 0..<1_000 {
            // It comes while another's turn is under way.
            owed += share
            if owed >= 1 {
                owed -= 1
                _ = queue.add(try work(1), of: b)
            }
            guard let turn = queue.take(now: ScoringQueueTests.start, workers: 1, late: &late) else { break }
            counts[turn.shares[0].client == b ? 0 : 1] += 1
            queue.finish(turn.shares)
        }
        return (counts[0], counts[1])
    }

    @Test(
        "a client that always has one more in time gets no more than its half",
        arguments: [0.3, 0.9, 0.99, 1.05])
    func starvation(share: Double) throws {
        let rows = try Self.turns(steady: share) { try Self.work($0) }
        #expect(
            abs(rows.steady - Int(min(0.5, share) * 1_000)) <= 2 && rows.steady + rows.busy == 1_000,
            "\(rows)")
        // Jobs count by what they cost: one of a hundred times the work comes once in a hundred turns of the others.
        let jobs = try Self.turns(steady: share) { .job(rows: 1, operations: $0 == 1 ? 100 : 1) { _ in } }
        #expect((8...12).contains(jobs.steady), "\(jobs)")
    }

    @Test("what leaves unserved is not held against those behind it", arguments: [true, false])
    func unserved(isLate: Bool) throws {
        var queue = ScoringQueue(rowsMax: 1_000, turnRowsMax: 1)
        let plan = try ScoringQueueTests.plans.get()[0]
        let gone = ScoringQuery(
            plan, rows: 200, values: Array(repeating: 2, count: 200 * plan.image.count),
            submitted: ScoringQueueTests.start,
            patience: isLate ? .nanoseconds(10) : nil, completion: { _ in })
        for name in 100..<150 { _ = queue.add(try Self.work(name), of: Self.a) }
        _ = queue.add(try Self.work(1), of: Self.b)
        _ = queue.add(.query(gone), of: Self.b)
        _ = queue.add(try Self.work(3), of: Self.b)
        if !isLate { _ = queue.leave(gone.place) }
        var order: [String] = []
        for _ in 0..<4 { order += Self.take(&queue, after: isLate ? 11 : 0).turn }
        #expect(order == ["100:0..<1", "1:0..<1", "101:0..<1", "3:0..<1"])
        #expect(queue.rows == 48)
    }

    @Test("in a full queue what others have beyond what a client would have does not count against it")
    func fairBound() throws {
        var queue = ScoringQueue(rowsMax: 12, turnRowsMax: 1)
        for (client, rows, fits) in [
            ("a", 12, true), ("b", 6, true), ("c", 5, false), ("c", 4, true), ("d", 3, true), ("a", 1, false),
        ] {
            let placing = queue.add(try Self.work(1, rows: rows), of: .account(client))
            #expect((placing.displaced != nil) == fits, "\(client) \(rows)")
            // Batches are begun by turns, which changes nothing of it.
            _ = Self.take(&queue)
        }
        // Those have 21 rows yet; each of the others gets a single row as long as there are not twelve clients.
        for client in 5...12 {
            #expect(queue.add(try Self.work(1), of: .account("\(client)")).displaced?.isEmpty == true)
        }
        guard case .full = queue.add(try Self.work(1), of: .account("13")) else {
            return #expect(Bool(false))
        }
        guard case .crowded = queue.add(try Self.work(1, rows: 2), of: .account("13")) else {
            return #expect(Bool(false))
        }
        guard case .crowded = queue.add(try Self.work(1), of: .account("5")) else {
            return #expect(Bool(false))
        }
        // A model of its own, or a job, gives nobody another's place.
        guard case .full = queue.add(try Self.work(1, model: 1), of: .account("13")) else {
            return #expect(Bool(false))
        }
        guard case .full = queue.add(.job(rows: 1, operations: 1) { _ in }, of: .account("13")) else {
            return #expect(Bool(false))
        }
    }

    @Test(
        "what a worker still has of a client counts as the client's, and rows of a request that need no scoring"
    )
    func unfinished() throws {
        var queue = ScoringQueue(rowsMax: 1, turnRowsMax: 1)
        var late: [ScoringQueue.Ended] = []
        _ = queue.add(.job(rows: 1, operations: 1) { _ in }, of: Self.a)
        let turn = try #require(queue.take(now: ScoringQueueTests.start, workers: 1, late: &late))
        _ = queue.add(try Self.work(1), of: Self.b)
        guard case .crowded = queue.add(try Self.work(2), of: Self.a) else { return #expect(Bool(false)) }
        queue.finish(turn.shares)
        guard case .full = queue.add(try Self.work(3), of: Self.a) else { return #expect(Bool(false)) }
        guard case .crowded = queue.add(try Self.work(4), of: Self.c, together: 1_024) else {
            return #expect(Bool(false))
        }
    }

    @Test("what nobody waits for any more counts for nobody from then on, waiting or with a worker")
    func abandoned() throws {
        var queue = ScoringQueue(rowsMax: 2, turnRowsMax: 1)
        let (one, other) = (try ScoringQueueTests.query(2), try ScoringQueueTests.query(3))
        _ = queue.add(try Self.work(1), of: Self.a)
        _ = queue.add(.query(one), of: Self.b)
        guard case .crowded = queue.add(try Self.work(4), of: Self.b) else { return #expect(Bool(false)) }
        _ = queue.leave(one.place)
        #expect(queue.add(.query(other), of: Self.b).displaced?.isEmpty == true)
        #expect(queue.rows == 2)
        var late: [ScoringQueue.Ended] = []
        let turns = (0..<2).compactMap { _ in
            queue.take(now: ScoringQueueTests.start, workers: 1, late: &late)
        }
        #expect(turns.count == 2 && queue.isEmpty)
        for client in [Self.a, Self.c] { _ = queue.add(try Self.work(5), of: client) }
        guard case .crowded = queue.add(try Self.work(6), of: Self.b) else { return #expect(Bool(false)) }
        #expect(queue.leave(other.place) == nil)
        guard case .full = queue.add(try Self.work(7), of: Self.b) else { return #expect(Bool(false)) }
        // What its worker says of it later takes nothing from what has come since.
        _ = Self.take(&queue)
        _ = queue.add(try Self.work(8), of: Self.b)
        for turn in turns { queue.finish(turn.shares) }
        guard case .crowded = queue.add(try Self.work(9), of: Self.b) else { return #expect(Bool(false)) }
        for _ in 0..<2 { _ = Self.take(&queue) }
        #expect(queue.isEmpty && queue.heldCount == 0)
    }

    @Test("a query that has all its rows counts no more, whatever its other turns' workers have still to say")
    func told() throws {
        var queue = ScoringQueue(rowsMax: 1, turnRowsMax: 1)
        let query = try ScoringQueueTests.query(1, rows: 2)
        _ = queue.add(.query(query), of: Self.a)
        var late: [ScoringQueue.Ended] = []
        let turns = (0..<2).compactMap { _ in
            queue.take(now: ScoringQueueTests.start, workers: 1, late: &late)
        }
        #expect(turns.count == 2)
        _ = queue.add(try Self.work(2), of: Self.b)
        queue.finish(turns[1].shares, told: [query.place])
        guard case .full = queue.add(try Self.work(3), of: Self.a) else { return #expect(Bool(false)) }
        queue.finish(turns[0].shares)
        #expect(queue.heldCount == 1)
    }

    @Test(
        "beyond the bound a client has one place, and all together as many as within, as long as they are used"
    )
    func reserved() throws {
        var queue = ScoringQueue(rowsMax: 2, turnRowsMax: 1)
        func reserve(_ client: ScoringClient?, at place: ScoringPlace = ScoringPlace()) -> String {
            switch queue.add(
                .job(rows: 1, operations: 1) { _ in }, at: place, of: client, mayBeReserved: true)
            {
            case .queued: "queued"
            case .full: "full"
            case .crowded: "crowded"
            }
        }
        for _ in 0..<2 {
            // Within the bound a place is like others.
            #expect(reserve(Self.a) == "queued" && reserve(Self.b) == "queued")
            let place = ScoringPlace()
            #expect(reserve(Self.c, at: place) == "queued" && reserve(Self.c) == "crowded")
            #expect(reserve(nil) == "queued")
            #expect(reserve(.account("d")) == "full" && reserve(nil) == "full")
            guard case .full = queue.add(try Self.work(1), of: .account("d")) else {
                return #expect(Bool(false))
            }
            _ = queue.leave(place)
            #expect(reserve(.account("d")) == "queued" && reserve(Self.c) == "full")
            #expect(queue.rows == 4)
            for _ in 0..<4 { #expect(Self.take(&queue).turn == ["job"]) }
            #expect(queue.isEmpty && queue.heldCount == 0)
        }
    }

    @Test("a batch larger than the queue is taken while it is not full, one of a client")
    func oversized() throws {
        var queue = ScoringQueue(rowsMax: 4, turnRowsMax: 1)
        _ = queue.add(try Self.work(1), of: Self.a)
        #expect(queue.add(try Self.work(2, rows: 100), of: Self.b).displaced?.isEmpty == true)
        guard case .crowded = queue.add(try Self.work(3, rows: 100), of: Self.c) else {
            return #expect(Bool(false))
        }
        guard case .crowded = queue.add(try Self.work(4, rows: 100), of: Self.b) else {
            return #expect(Bool(false))
        }
        #expect(queue.add(try Self.work(5), of: Self.c).displaced?.isEmpty == true)
    }

    @Test("what is late is told so wherever it waits, a client's only row and others apart")
    func late() throws {
        var queue = ScoringQueue(rowsMax: 100, turnRowsMax: 2)
        for name in 1...6 { _ = queue.add(try Self.work(name, patience: .nanoseconds(10)), of: Self.a) }
        _ = queue.add(try Self.work(11, patience: .nanoseconds(10)), of: Self.b)
        _ = queue.add(try Self.work(12, patience: .nanoseconds(30)), of: Self.c)
        #expect(Self.take(&queue, after: 5).turn == ["1:0..<1", "11:0..<1"])
        _ = queue.add(try Self.work(13, patience: .nanoseconds(10)), of: Self.b)
        let (turn, late) = Self.take(&queue, after: 11)
        #expect(turn == ["12:0..<1"])
        #expect(
            Self.describe(late).sorted()
                == [
                    "13 late", "2 late of many", "3 late of many", "4 late of many", "5 late of many",
                    "6 late of many",
                ])
        #expect(queue.isEmpty)
    }

    @Test("of very many that are late no more than so many are removed in one step, and none is served")
    func lateInSteps() throws {
        let count = ScoringQueue.lateMax + 10
        var queue = ScoringQueue(rowsMax: 10 * count, turnRowsMax: 4)
        for name in 0..<count { _ = queue.add(try Self.work(name, patience: .nanoseconds(10)), of: Self.a) }
        _ = queue.add(try Self.work(9_999), of: Self.b)
        let first = Self.take(&queue, after: 11)
        #expect(first.turn.isEmpty && first.late.count == ScoringQueue.lateMax && queue.rows == 11)
        let second = Self.take(&queue, after: 11)
        #expect(second.turn == ["9999:0..<1"] && second.late.count == 10)
        #expect(queue.isEmpty && queue.heldCount == 0)
    }

    @Test("clients are accounts, or networks, or nobody")
    func clients() {
        func client(_ account: String?, _ address: String, _ share: ScoringSettings.Share) -> ScoringClient? {
            ScoringClient(account: account, address: address, by: share)
        }
        #expect(client("x", "192.0.2.1", .client) == .account("x"))
        #expect(client(nil, "192.0.2.1", .client) == client(nil, "192.0.2.77", .client))
        #expect(client(nil, "192.0.2.1", .client) != client(nil, "192.0.3.1", .client))
        #expect(client(nil, "2001:db8:1:2::3", .client) == client(nil, "2001:db8:1:ffff::1", .client))
        #expect(client(nil, "2001:db8:1::3", .client) != client(nil, "2001:db8:2::3", .client))
        #expect(client("x", "192.0.2.1", .network) == client(nil, "192.0.2.9", .network))
        #expect(client(nil, "unix:", .client) == .other("unix:"))
        #expect(client("x", "192.0.2.1", .none) == nil)
    }
}
