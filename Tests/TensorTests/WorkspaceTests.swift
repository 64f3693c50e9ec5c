import Synchronization
import Testing

@testable import Tensor

@Suite struct WorkspaceTests {
    @Test("does every item exactly once", arguments: [1, 2, 7])
    func items(threads: Int) {
        let counts = (0..<100).map { _ in Counter() }
        Workspace(threads: threads).forEach(100) { item, _ in counts[item].add() }
        #expect(counts.allSatisfy { $0.value == 1 })
        Workspace(threads: threads).forEach(0) { _, _ in Issue.record("there is no item") }
    }

    private final class Counter: Sendable {
        private let count = Atomic(0)
        func add() { count.add(1, ordering: .relaxed) }
        var value: Int { count.load(ordering: .relaxed) }
    }

    @Test("chunks cover the range, the last one shorter")
    func chunks() {
        var chunks: [Range<Int>] = []
        Workspace().forEachChunk(of: 10, by: 4) { range, _ in chunks.append(range) }
        #expect(chunks == [0..<4, 4..<8, 8..<10])
    }

    @Test("memory handed out does not overlap, is aligned, and is reused after release")
    func arena() {
        let arena = Arena()
        let first = arena.allocate(5)
        let mark = arena.mark()
        let rooms = [1, 70000, 3, 200_000, 0, 17].map { ($0, arena.allocate($0)) }
        for (count, room) in rooms { room.update(repeating: Float(count), count: count) }
        first.update(repeating: -1, count: 5)
        #expect(rooms.allSatisfy { count, room in (0..<count).allSatisfy { room[$0] == Float(count) } })
        #expect(rooms.allSatisfy { Int(bitPattern: $0.1).isMultiple(of: 64) })
        let held = arena.bytesHeld
        for _ in 0..<50 {
            arena.release(to: mark)
            for (count, _) in rooms { _ = arena.allocate(count) }
        }
        #expect(arena.bytesHeld == held && first[4] == -1)
    }
}
