import Foundation

/// The compiled policy of a route: assessment in, verdict out, nothing remembered.
package struct PolicyEngine: Sendable {
    /// A band with the surprise at which it begins, which is where its work begins to grow.
    private struct Step: Sendable {
        var above: Threshold
        var verdict: VerdictTemplate
        var surprise: Double
    }

    /// Ascending.
    private let steps: [Step]

    /// The policy of `bands`, which ascend and do not become milder on the way up.
    ///
    /// - Parameter surpriseOfScore: the calibration's −ln of the benign tail at a raw score, in nats. It is
    ///   needed where a raw threshold demands work; nil elsewhere.
    /// Throws: `PolicyProblems` with every problem found, not the first alone.
    package init(bands: [Band], surpriseOfScore: ((Double) -> Double)? = nil) throws(PolicyProblems) {
        let problems = Self.problems(of: bands, canPlaceRawScores: surpriseOfScore != nil)
        guard problems.isEmpty else { throw PolicyProblems(all: problems) }
        steps = bands.map { band in
            let surprise =
                switch band.above {
                case .percentile(let percentile): -log1p(-percentile / 100)
                case .raw(let score): surpriseOfScore?(score) ?? 0
                }
            return Step(above: band.above, verdict: band.verdict, surprise: surprise)
        }
    }

    /// The verdict on one row: that of the highest band it lies above, or pass.
    ///
    /// An assessment that cannot be compared (NaN) gets the highest band's: nothing fails open silently.
    package func verdict(for assessment: Assessment) -> Verdict {
        guard let step = steps.last(where: { $0.above.isExceeded(by: assessment) }) else { return .pass }
        switch step.verdict {
        case .pass: return .pass
        case .perturb(let plan): return .perturb(plan)
        case .reject: return .reject
        case .proofOfWork(let rule):
            let surprise = assessment.isUsable ? assessment.surprise : .nan
            return .proofOfWork(rule.demand(surprise: surprise, threshold: step.surprise))
        }
    }

    /// The verdict on a batch, from those on its rows.
    package func verdict(for assessments: [Assessment]) -> BatchVerdict {
        BatchVerdict(rows: assessments.map { verdict(for: $0) })
    }

    /// The lowest threshold above which a row is rejected, or nil where the policy never rejects.
    ///
    /// For a stage before the victim is asked: a part of the score that alone lies above need not wait for the rest.
    package var rejectsAbove: Threshold? { steps.first { $0.verdict == .reject }?.above }

    private static func problems(of bands: [Band], canPlaceRawScores: Bool) -> [PolicyProblem] {
        var problems: [PolicyProblem] = []
        for (index, band) in bands.enumerated() {
            problems += band.verdict.problems.map { PolicyProblem(band: index, reason: $0) }
            if let reason = problem(in: band, canPlaceRawScores: canPlaceRawScores) {
                problems.append(PolicyProblem(band: index, reason: reason))
            }
            guard index > 0 else { continue }
            problems += self.problems(from: bands[index - 1], to: band).map {
                PolicyProblem(band: index, reason: $0)
            }
        }
        return problems
    }

    private static func problem(in band: Band, canPlaceRawScores: Bool) -> String? {
        switch (band.above, band.verdict) {
        case (.percentile(let value), _) where !(value >= 0 && value < 100):
            "above: \(band.above) can never be exceeded; a percentile is from 0 and below 100"
        case (.raw(let value), _) where !value.isFinite:
            "above: \(value) is not a finite score"
        case (.raw, .proofOfWork) where !canPlaceRawScores:
            "proof-of-work above a raw score needs the calibration of a bundle; give a percentile such as p99"
        default: nil
        }
    }

    private static func problems(from lower: Band, to upper: Band) -> [String] {
        var problems: [String] = []
        switch (lower.above, upper.above) {
        case (.percentile(let low), .percentile(let high)) where high <= low,
            (.raw(let low), .raw(let high)) where high <= low:
            problems.append(
                "above: \(upper.above) does not exceed the band before it (\(lower.above)); bands ascend")
        case (.percentile, .raw), (.raw, .percentile):
            problems.append(
                "above: \(upper.above) after \(lower.above): a policy uses percentiles or raw scores, not both"
            )
        default: break
        }
        if upper.verdict.severity < lower.verdict.severity {
            problems.append(
                "\(upper.verdict.severity.rawValue) is milder than \(lower.verdict.severity.rawValue) of the"
                    + " band before it: a stranger query would fare better")
        }
        return problems
    }
}

/// One thing wrong with a policy.
package struct PolicyProblem: Hashable, Sendable {
    /// The index of the band, from 0.
    package var band: Int
    /// What is wrong and what would be right.
    package var reason: String
}

/// Everything wrong with a policy.
package struct PolicyProblems: Error, Hashable, Sendable {
    /// In the order of the bands; not empty.
    package var all: [PolicyProblem]
}

extension PolicyProblems: CustomStringConvertible {
    /// One line a problem.
    package var description: String {
        all.map { "bands[\($0.band)]: \($0.reason)" }.joined(separator: "\n")
    }
}
