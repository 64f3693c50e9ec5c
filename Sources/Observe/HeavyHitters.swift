/// The names that occur most often, in bounded memory.
///
/// **Source** Misra and Gries, "Finding repeated elements" (1982): with k counters, every name that occurs in more than
/// 1/(k+1) of the stream is kept, and each count is short by at most `error`.
package struct HeavyHitters: Sendable, Equatable {
    private let capacity: Int
    private var counts: [String: Int] = [:]
    /// By how much a count may be too low.
    package private(set) var error = 0

    /// Counts at most so many names at once.
    package init(capacity: Int = 4_096) {
        precondition(capacity > 0, "capacity must be positive")
        self.capacity = capacity
    }

    /// Counts a name so many times.
    package mutating func add(_ name: String, _ count: Int = 1) {
        if counts[name] != nil || counts.count < capacity {
            counts[name, default: 0] += count
        } else {
            let gone = min(count, counts.values.min() ?? 0)
            error += gone
            counts = counts.compactMapValues { $0 > gone ? $0 - gone : nil }
            if count > gone { counts[name] = count - gone }
        }
    }

    /// The most frequent names, the first the most; equal counts by name.
    package func top(_ number: Int) -> [(name: String, count: Int)] {
        let ordered = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return ordered.prefix(number).map { ($0.key, $0.value) }
    }
}
