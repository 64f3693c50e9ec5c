import Yams

/// A line and a column of a text, both counted from 1.
struct Place: Equatable {
    let line: Int
    let column: Int

    /// The beginning of a text.
    static let start = Place(line: 1, column: 1)
}

extension Mark {
    /// The place of a parser's mark; only the parser itself can make marks.
    var place: Place { Place(line: line, column: column) }
}
