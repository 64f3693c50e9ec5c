import Synchronization

/// Names a piece of work that is given to the pool, so that it can be taken back. No two are alike.
package struct ScoringPlace: Hashable, Sendable {
    private static let last = Atomic<UInt64>(0)

    private let number: UInt64

    /// Another one.
    package init() { number = Self.last.wrappingAdd(1, ordering: .relaxed).newValue }
}
