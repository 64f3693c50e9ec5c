import Synchronization

/// A count for each member of a closed set, for what is rare. Any thread may count and read.
package final class KindCounts<Kind: CaseIterable & Equatable & Sendable>: Sendable
where Kind.AllCases: Sendable {
    /// An atomic that an array can hold.
    private final class Cell: Sendable {
        let value = Atomic<Int>(0)
    }

    private let cells: [Cell]

    /// All zero.
    package init() { cells = Kind.allCases.map { _ in Cell() } }

    /// How often it was counted.
    package subscript(_ kind: Kind) -> Int { cell(kind).value.load(ordering: .relaxed) }

    /// The sum over all kinds.
    package var total: Int { cells.reduce(0) { $0 + $1.value.load(ordering: .relaxed) } }

    /// Counts one.
    func count(_ kind: Kind) { cell(kind).value.wrappingAdd(1, ordering: .relaxed) }

    private func cell(_ kind: Kind) -> Cell {
        for (place, other) in Kind.allCases.enumerated() where other == kind { return cells[place] }
        preconditionFailure("a kind is among all of them")
    }
}
