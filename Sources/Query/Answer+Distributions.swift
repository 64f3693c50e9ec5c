extension Answer {
    /// What an answer says as distributions over so many classes, one a row: a label is one that is sure.
    ///
    /// **Throws** `unknownLabel` for a label past the classes, or one that has a name in place of a number.
    package func distributions(classes: Int) throws(AnswerError) -> [[Float]] {
        guard case .labels(let labels) = summary else { return (0..<rows).map(row) }
        var distributions: [[Float]] = []
        for (row, label) in labels.enumerated() {
            guard let label, label < classes else { throw .unknownLabel(row: row, classes: classes) }
            distributions.append((0..<classes).map { $0 == label ? 1 : 0 })
        }
        return distributions
    }
}
