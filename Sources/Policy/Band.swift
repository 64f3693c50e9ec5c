/// From which score on, which verdict.
package struct Band: Hashable, Sendable {
    /// The row must lie strictly above this.
    package var above: Threshold
    /// What is then done.
    package var verdict: VerdictTemplate

    /// A band as given; `PolicyEngine` says what is wrong with it.
    package init(above: Threshold, verdict: VerdictTemplate) {
        self.above = above
        self.verdict = verdict
    }
}

/// A verdict whose quantities still depend on the row.
package enum VerdictTemplate: Hashable, Sendable {
    /// The answer as it is.
    case pass
    /// The answer changed as the plan says.
    case perturb(PerturbationPlan)
    /// The answer after work that the rule measures.
    case proofOfWork(WorkRule)
    /// No answer.
    case reject

    /// The severity of the verdicts made from this template.
    package var severity: Severity {
        switch self {
        case .pass: .pass
        case .perturb: .perturb
        case .proofOfWork: .proofOfWork
        case .reject: .reject
        }
    }

    var problems: [String] {
        switch self {
        case .pass, .reject: []
        case .perturb(let plan): plan.problems
        case .proofOfWork(let rule): rule.problems
        }
    }
}
