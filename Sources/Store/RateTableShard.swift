/// One part of a rate table: entries, and for each the time slice at which to look whether it can be forgotten.
///
/// Each entry is filed under exactly one slice. What is busy moves its end with every request; it is not filed anew then but
/// when its slice has passed, which costs each entry at most one look a slice.
struct RateTableShard {
    /// Nanoseconds of a slice, as a power of two: 67 ms. An entry is forgotten within two of its end.
    static let sliceBits: Int64 = 26

    private var entries: [StoreKey: RateEntry] = [:]
    private var slices: [Int64: [StoreKey]] = [:]
    private var sweptTo: Int64 = .min

    var count: Int { entries.count }

    /// Calls `body` with the entry of `key` in place, if it is there.
    mutating func update<R>(_ key: StoreKey, _ body: (inout RateEntry) -> R) -> R? {
        guard let index = entries.index(forKey: key) else { return nil }
        return body(&entries.values[index])
    }

    /// Adds an entry for a key that has none.
    mutating func insert(_ entry: RateEntry, as key: StoreKey) {
        entries[key] = entry
        file(key, end: entry.end)
    }

    /// Forgets what had ended when the slice of `now` began, and returns how many entries that were.
    mutating func sweep(now: Int64) -> Int {
        let current = now >> Self.sliceBits
        guard current > sweptTo else { return 0 }
        let from = sweptTo
        sweptTo = current
        guard !slices.isEmpty else { return 0 }
        let before = entries.count
        // After a long idle time there may be more slices to visit than there are filled ones.
        if from == .min || current - from > Int64(slices.count) {
            for slice in slices.keys.filter({ $0 < current }) { empty(slice, now: now) }
        } else {
            for slice in from..<current { empty(slice, now: now) }
        }
        return before - entries.count
    }

    private mutating func empty(_ slice: Int64, now: Int64) {
        guard let keys = slices.removeValue(forKey: slice) else { return }
        for key in keys {
            guard let entry = entries[key] else { continue }
            if entry.end <= now { entries[key] = nil } else { file(key, end: entry.end) }
        }
    }

    private mutating func file(_ key: StoreKey, end: Int64) {
        slices[max(end >> Self.sliceBits, sweptTo), default: []].append(key)
    }
}
