import Digest

/// The number that solves a challenge.
///
/// A solution n wins when the first 128 bits of SHA-256(SHA-256(token) ‖ n as 8 bytes big-endian) are below the
/// target, all read as big-endian numbers. The token is hashed as the text that the client received.
package struct Solution: Hashable, Sendable {
    /// The number n.
    package let counter: UInt64

    /// The solution `counter`.
    package init(counter: UInt64) { self.counter = counter }

    /// The solution that `text` spells in decimal digits alone, or nil: no sign, no white space, no leading zero.
    package init?(text: some StringProtocol) {
        let digits = Array(text.utf8)
        guard (1...20).contains(digits.count), digits.count == 1 || digits[0] != UInt8(ascii: "0") else {
            return nil
        }
        var value: UInt64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            let (product, tooBig) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = product.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
            guard !tooBig, !overflow else { return nil }
            value = sum
        }
        counter = value
    }

    /// The decimal digits.
    package var text: String { String(counter) }
}

/// The hash of one challenge, tried with many numbers without allocating.
struct ProofWork: ~Copyable {
    private let prefix: SHA256Digest
    private var hasher = SHA256Hasher()

    /// The work of `token`.
    init(token: String) { prefix = SHA256.digest(of: token) }

    /// True when `solution` reaches `target`.
    mutating func wins(_ solution: Solution, against target: WorkTarget) -> Bool {
        prefix.withUnsafeBytes { hasher.update($0) }
        withUnsafeBytes(of: solution.counter.bigEndian) { hasher.update($0) }
        return hasher.finish().leading128 < target.threshold
    }
}
