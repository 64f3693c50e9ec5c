import Foundation

/// Where a band begins: at a benign percentile (a stated false-positive rate) or at a raw score.
package enum Threshold: Hashable, Sendable {
    /// The benign percentile, 0…100: `p99.5` flags one benign query in two hundred.
    case percentile(Double)
    /// The scorer's own unit.
    case raw(Double)

    /// The threshold that `text` spells: `p` and a decimal number for a percentile, a decimal number alone for a
    /// raw score.
    ///
    /// Nil for anything else: no exponent, no sign before a percentile, no white space, nothing infinite.
    package init?(parsing text: String) {
        let isPercentile = text.hasPrefix("p")
        let number = isPercentile ? text.dropFirst() : Substring(text)
        guard let value = Self.decimal(number) else { return nil }
        guard isPercentile else {
            self = .raw(value)
            return
        }
        guard (0...100).contains(value), !number.hasPrefix("-") else { return nil }
        self = .percentile(value)
    }

    /// True when `assessment` lies strictly above, which for one that cannot be compared is always.
    package func isExceeded(by assessment: Assessment) -> Bool {
        guard assessment.isUsable else { return true }
        return switch self {
        case .percentile(let bound): assessment.percentile > bound
        case .raw(let bound): assessment.score > bound
        }
    }

    /// Digits, at most one point between digits, and a leading minus.
    private static func decimal(_ text: Substring) -> Double? {
        let unsigned = text.hasPrefix("-") ? text.dropFirst() : text
        let parts = unsigned.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let wellFormed = parts.allSatisfy { part in
            !part.isEmpty && part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        guard wellFormed, let value = Double(text), value.isFinite else { return nil }
        return value
    }
}

extension Threshold: CustomStringConvertible {
    /// The spelling that parses to this threshold again, for numbers of ordinary size.
    package var description: String {
        switch self {
        case .percentile(let value): "p\(Self.short(value))"
        case .raw(let value): Self.short(value)
        }
    }

    private static func short(_ value: Double) -> String {
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
