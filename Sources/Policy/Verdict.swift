/// What is done about one row.
package enum Verdict: Hashable, Sendable {
    /// The victim's answer as it is.
    case pass
    /// The victim's answer, changed within the plan's bounds.
    case perturb(PerturbationPlan)
    /// The victim's answer once the client has proved work.
    case proofOfWork(WorkDemand)
    /// No answer.
    case reject

    /// The order in which verdicts outdo each other: pass < perturb < proof-of-work < reject.
    package var severity: Severity {
        switch self {
        case .pass: .pass
        case .perturb: .perturb
        case .proofOfWork: .proofOfWork
        case .reject: .reject
        }
    }
}

/// The kinds of verdict from mild to severe; the raw value is the name in configuration, logs and metrics.
package enum Severity: String, CaseIterable, Comparable, Sendable {
    /// See `Verdict.pass`.
    case pass
    /// See `Verdict.perturb`.
    case perturb
    /// See `Verdict.proofOfWork`.
    case proofOfWork = "proof-of-work"
    /// See `Verdict.reject`.
    case reject

    private var rank: Int {
        switch self {
        case .pass: 0
        case .perturb: 1
        case .proofOfWork: 2
        case .reject: 3
        }
    }

    /// True when `a` is milder than `b`.
    package static func < (a: Self, b: Self) -> Bool { a.rank < b.rank }
}

/// How an answer is changed. Each method is one case; the truncating, poisoning and guarding ones of the
/// literature take their place here.
package enum PerturbationPlan: Hashable, Sendable {
    /// Keyed noise that leaves the most probable class where it is.
    ///
    /// `l1` bounds the sum of the absolute changes of the probabilities, 0 < l1 ≤ 2.
    case noise(l1: Double)

    /// What is wrong with the plan's numbers, for the operator; empty when nothing is.
    var problems: [String] {
        switch self {
        case .noise(let l1):
            l1 > 0 && l1 <= 2 ? [] : ["noise.l1 is \(l1); it must be above 0 and at most 2"]
        }
    }
}

/// How much work a client must prove.
package struct WorkDemand: Hashable, Sendable {
    /// The expected number of SHA-256 evaluations until a solution is found; a continuous quantity.
    package var expectedHashes: Double

    /// A demand of at least one hash.
    package init(expectedHashes: Double) { self.expectedHashes = max(1, expectedHashes) }
}

/// Whether verdicts are carried out, or only computed and logged.
package enum EnforcementMode: String, CaseIterable, Sendable {
    /// Verdicts are carried out.
    case enforce
    /// Verdicts are logged, and every query passes.
    case observe
}
