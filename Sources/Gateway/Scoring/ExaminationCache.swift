import Digest
import SAME
import Synchronization

/// Examinations of earlier pictures by their canonical digest: what scoring an exact repeat would find again, bit for bit.
///
/// Belongs to one loaded model and ends with it, so nothing of another bundle or precision is ever found. Bounded: a ring of
/// slots, of which a new picture takes the next that was not asked for since the hand last passed (the clock algorithm), so a
/// flood of new pictures costs each of them one slot and leaves those in use for another round.
///
/// **Runs on** any thread.
final class ExaminationCache: Sendable {
    private struct Slot {
        let digest: SHA256Digest
        let examination: Examination
        var isUsed: Bool
    }

    private struct State {
        var places: [SHA256Digest: Int] = [:]
        var slots: [Slot] = []
        var hand = 0
    }

    /// The most pictures kept.
    let capacity: Int
    private let state: Mutex<State>

    /// An empty cache of at least one picture.
    init(capacity: Int) {
        precondition(capacity > 0, "a cache of nothing is no cache")
        self.capacity = capacity
        state = Mutex(State())
    }

    /// How many pictures are kept now.
    var count: Int { state.withLock { $0.slots.count } }

    /// The examination of the picture, if it is kept.
    func find(_ digest: SHA256Digest) -> Examination? {
        state.withLock { state in
            guard let place = state.places[digest] else { return nil }
            state.slots[place].isUsed = true
            return state.slots[place].examination
        }
    }

    /// Keeps a whole examination; one that was settled early is worth nothing to another policy.
    func keep(_ examination: Examination, of digest: SHA256Digest) {
        guard !examination.isSettled else { return }
        state.withLock { state in
            guard state.places[digest] == nil else { return }
            let slot = Slot(digest: digest, examination: examination, isUsed: false)
            guard state.slots.count == capacity else {
                state.places[digest] = state.slots.count
                return state.slots.append(slot)
            }
            while state.slots[state.hand].isUsed {
                state.slots[state.hand].isUsed = false
                state.hand = (state.hand + 1) % capacity
            }
            state.places[state.slots[state.hand].digest] = nil
            state.places[digest] = state.hand
            state.slots[state.hand] = slot
            state.hand = (state.hand + 1) % capacity
        }
    }
}
