import Testing

@testable import Metrics

@Suite("Counters that go on")
struct InheritanceTests {
    @Test(
        "what is written to any generation that is in use counts in the newest, and blocks are let go of with it"
    )
    func generations() {
        var used: [AtomicCells] = [AtomicCells(count: 2, shards: 1)]
        func next(places: [Int?] = [0, 1]) {
            let last = used[used.count - 1]
            used.append(
                AtomicCells(count: 2, shards: 1, inherited: AtomicCells.Inherited(last, places: places)))
        }
        used[0].add(1, to: 0, shard: 0)
        for _ in 0..<4 { next() }
        // What was under way in each ends now, the oldest last.
        for cells in used.reversed() { cells.add(10, to: 0, shard: 0) }
        #expect(used[4].sum(of: 0) == 51 && used[4].sum(of: 1) == 0)
        weak let oldest = used[0]
        used.removeFirst(3)
        #expect(oldest == nil)
        next()
        #expect(used[2].sum(of: 0) == 51)
        used[0].add(100, to: 0, shard: 0)
        used[1].add(1000, to: 1, shard: 0)
        #expect(used[2].sum(of: 0) == 151 && used[2].sum(of: 1) == 1000)
        // A series of another place, and one that ends.
        next(places: [1, nil])
        #expect(used[3].sum(of: 0) == 1000 && used[3].sum(of: 1) == 0)
        used[0].add(1, to: 1, shard: 0)
        #expect(used[3].sum(of: 0) == 1001)
    }
}
