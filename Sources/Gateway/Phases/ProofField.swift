import Policy

/// The request header field that carries a proof: `Samegate-Proof: CHALLENGE:SOLUTION`.
package struct ProofField: Sendable {
    /// The field's name.
    package static let name = "Samegate-Proof"

    /// The token as it was issued.
    package let token: String
    /// The number that solves it.
    package let solution: Solution

    /// A proof as a client sends it.
    package init(token: String, solution: Solution) {
        self.token = token
        self.solution = solution
    }

    /// The proof that `value` spells, or nil when it is not of the form.
    package init?(parsing value: String) {
        let parts = value.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, let solution = Solution(text: parts[1]) else { return nil }
        self.init(token: String(parts[0]), solution: solution)
    }

    /// The field's value.
    package var value: String { "\(token):\(solution.text)" }
}
