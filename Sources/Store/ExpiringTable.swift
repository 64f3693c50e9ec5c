/// Entries that end by themselves: a dictionary beside buckets of keys by the tick in which they end.
///
/// Each entry is put into one bucket and swept from it once, so that expiry costs a constant per entry, whatever
/// is held, and nothing is ever scanned. An entry counts as gone from its own end on, to the attosecond; its room
/// is free again at most one tick, which is a second, later.
struct ExpiringTable<Value> {
    private struct Entry {
        var value: Value
        var end: Duration
    }

    private var entries: [StoreKey: Entry] = [:]
    private var buckets: [Int64: [StoreKey]] = [:]
    /// Buckets up to and with this tick are swept.
    private var sweptTick = Int64.min
    /// The keys in all buckets, those of entries removed early included.
    private(set) var bucketedKeys = 0

    /// The number of entries, expired ones not yet swept included.
    var count: Int { entries.count }

    /// The value under `key` that has not ended at `now`.
    func value(_ key: StoreKey, now: Duration) -> Value? {
        guard let entry = entries[key], entry.end > now else { return nil }
        return entry.value
    }

    /// Everything that has not ended at `now`.
    func current(at now: Duration) -> [(key: StoreKey, value: Value, end: Duration)] {
        entries.compactMap { $1.end > now ? ($0, $1.value, $1.end) : nil }
    }

    /// Adds an entry in place of what was under `key`, which is returned if it was there.
    mutating func insert(_ value: Value, as key: StoreKey, until end: Duration) -> Value? {
        // Another thread may have swept past this end since the caller read the time.
        bucket(key, tick: max(Self.tick(of: end), sweptTick))
        return entries.updateValue(Entry(value: value, end: end), forKey: key)?.value
    }

    /// Removes and returns what is under `key`, ended or not, with whether it had not ended at `now`.
    mutating func remove(_ key: StoreKey, now: Duration) -> (value: Value, isCurrent: Bool)? {
        guard let entry = entries.removeValue(forKey: key) else { return nil }
        if bucketedKeys > 2 * entries.count + 64 { rebuildBuckets() }
        return (entry.value, entry.end > now)
    }

    /// Removes the entries of all buckets that ended before `now`, telling `body` of each.
    mutating func sweep(now: Duration, _ body: (Value) -> Void) {
        let current = Self.tick(of: now)
        guard current > sweptTick, !buckets.isEmpty else {
            sweptTick = max(sweptTick, current)
            return
        }
        // After a long idle time the ticks to visit may outnumber the buckets there are.
        if sweptTick == .min || current - sweptTick > Int64(buckets.count) {
            for tick in buckets.keys.filter({ $0 < current }) { empty(bucket: tick, now: now, body) }
        } else {
            for tick in sweptTick..<current { empty(bucket: tick, now: now, body) }
        }
        sweptTick = current
    }

    private mutating func empty(bucket tick: Int64, now: Duration, _ body: (Value) -> Void) {
        guard let keys = buckets.removeValue(forKey: tick) else { return }
        bucketedKeys -= keys.count
        for key in keys {
            // A key that was redeemed and came back is in a later bucket too, and not yet over.
            guard let entry = entries[key], entry.end <= now else { continue }
            entries[key] = nil
            body(entry.value)
        }
    }

    private mutating func bucket(_ key: StoreKey, tick: Int64) {
        buckets[tick, default: []].append(key)
        bucketedKeys += 1
    }

    /// Forgets the keys of removed entries. It runs when they outnumber the entries, so a removal pays for it.
    private mutating func rebuildBuckets() {
        buckets.removeAll(keepingCapacity: true)
        bucketedKeys = 0
        for (key, entry) in entries { bucket(key, tick: max(Self.tick(of: entry.end), sweptTick)) }
    }

    /// The number of the bucket for `time`.
    private static func tick(of time: Duration) -> Int64 { time.components.seconds }
}
