import Synchronization

/// Deflaters for streams that come and go: at most so many at once, which bounds their memory, and a few kept for the next
/// stream, since making one costs more than compressing a short answer.
package final class DeflaterPool: Sendable {
    /// How many are kept unused.
    private static let idleMax = 8

    private struct State {
        var idle: [Deflater] = []
        var borrowed = 0
    }

    private let borrowedMax: Int
    private let state = Mutex(State())

    /// An empty pool that lends so many at once.
    package init(borrowedMax: Int) { self.borrowedMax = borrowedMax }

    /// How many are lent now.
    package var borrowed: Int { state.withLock { $0.borrowed } }

    /// A deflater at the beginning of a body, to be given back; nil when as many are lent as may be, or memory is out. `count`
    /// is how long the body is where it is known: a short one is done sooner in a window of its own size, whose tables are
    /// cleared for each body.
    package func borrow(_ coding: ContentCoding, level: Int, count: Int? = nil) -> Deflater? {
        let windowBits = Deflater.windowBits(for: count)
        let (mayBorrow, idle) = state.withLock { state -> (Bool, Deflater?) in
            guard state.borrowed < borrowedMax else { return (false, nil) }
            state.borrowed += 1
            let place = state.idle.lastIndex {
                $0.coding == coding && $0.level == level && $0.windowBits == windowBits
            }
            return (true, place.map { state.idle.remove(at: $0) })
        }
        guard mayBorrow else { return nil }
        if let idle { return idle }
        if let made = try? Deflater(coding, level: level, count: count) { return made }
        state.withLock { $0.borrowed -= 1 }
        return nil
    }

    /// Takes a deflater back, wherever in its body it is.
    package func giveBack(_ deflater: Deflater) {
        deflater.reset()
        state.withLock { state in
            state.borrowed -= 1
            if state.idle.count >= Self.idleMax { state.idle.removeFirst() }
            state.idle.append(deflater)
        }
    }
}
