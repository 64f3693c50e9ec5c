/// Where a band begins.
package enum Threshold: Sendable, Hashable, CustomStringConvertible {
    /// At a percentile of benign scores: 99 takes the highest 1 % of benign queries too.
    case percentile(Double)
    /// At a raw score.
    case raw(Double)

    /// As the configuration spells it.
    package var description: String {
        switch self {
        case .percentile(let value): "p\(plain(value))"
        case .raw(let value): plain(value)
        }
    }
}

extension Kind where Value == Threshold {
    /// `p99.5`, or a bare number for a raw score.
    static var threshold: Kind {
        Kind(
            name: "threshold",
            bounds: "p0 to p99.9999 for a benign percentile, or a bare number for a raw score",
            sample: .percentile(0), render: \.description,
            read: { reading in
                let expected = "a benign percentile such as p99.5, or a raw score"
                guard let text = reading.text(expected: expected) else { return nil }
                if text.first == "p" || text.first == "P" {
                    guard let value = decimal(text.dropFirst()), (0...99.9999).contains(value) else {
                        return reading.complain(
                            "'\(excerpt(text))' is not a percentile; write p0 to p99.9999")
                    }
                    return .percentile(value)
                }
                if text.hasSuffix("%") {
                    return reading.complain(
                        "'\(excerpt(text))': write a percentile as p\(excerpt(text).dropLast())")
                }
                guard let value = decimal(text), numeralComplaint(text) == nil else {
                    return reading.complain("'\(excerpt(text))' is not \(expected)")
                }
                return .raw(value)
            })
    }
}
