/// What happens to a query by its score.
package struct PolicySettings: Sendable, Equatable {
    /// The name routes refer to.
    package var name: String
    /// Bands in ascending order; a query below the first passes, and one above several belongs to the last of them.
    package var bands: [BandSettings]

    init(_ name: String, reading section: Section) {
        self.name = name
        bands = section.list(
            "bands", least: 1,
            "Bands in ascending order; a query below the first passes, one above several has the last.",
            BandSettings.init(reading:))
    }
}

/// Scores above a threshold, and what happens to them.
package struct BandSettings: Sendable, Equatable {
    /// What happens to a query of the band.
    package enum Verdict: Sendable, Equatable {
        /// The answer passes unchanged.
        case pass
        /// The answer is changed by at most this much, its most probable class kept.
        case perturb(NoiseSettings)
        /// The answer waits for a proof-of-work.
        case proofOfWork(WorkSettings)
        /// The query is refused.
        case reject

        /// The verdict's name in the configuration.
        package var name: String { choice.rawValue }

        /// Milder verdicts are smaller.
        package var severity: Int { Choice.allCases.firstIndex(of: choice) ?? 0 }

        fileprivate var choice: Choice {
            switch self {
            case .pass: .pass
            case .perturb: .perturb
            case .proofOfWork: .proofOfWork
            case .reject: .reject
            }
        }
    }

    enum Choice: String, CaseIterable {
        case pass
        case perturb
        case proofOfWork = "proof-of-work"
        case reject
    }

    /// Where the band begins.
    package var above: Threshold
    /// What happens to its queries.
    package var verdict: Verdict

    init(reading section: Section) {
        above = section.required("above", .threshold, "The score past which a query belongs to this band.")
        let choice = section.required(
            "verdict", .choice(Choice.self), "What happens to a query of this band.")
        let noise = section.optionalSection(
            "noise", absent: "all defaults", "For `perturb`: how much an answer may change.",
            NoiseSettings.init(reading:))
        let work = section.optionalSection(
            "work", absent: "all defaults", "For `proof-of-work`: how much is asked.",
            WorkSettings.init(reading:))
        for (key, owner, isGiven) in [
            ("noise", Choice.perturb, noise != nil), ("work", .proofOfWork, work != nil),
        ]
        where isGiven && choice != owner && !section.isDocumenting && section.trusts("verdict") {
            section.complain(
                "belongs to the verdict \(owner.rawValue), not to \(choice.rawValue)", about: key)
        }
        switch choice {
        case .pass: verdict = .pass
        case .perturb: verdict = .perturb(noise ?? NoiseSettings(reading: section.absent("noise")))
        case .proofOfWork: verdict = .proofOfWork(work ?? WorkSettings(reading: section.absent("work")))
        case .reject: verdict = .reject
        }
    }
}

/// How much a perturbed answer may differ.
package struct NoiseSettings: Sendable, Equatable {
    /// The most that the absolute changes of all probabilities sum to.
    package var l1: Double

    init(reading section: Section) {
        l1 = section.value(
            "l1", .number(in: 0.001...2), default: 0.2,
            "The most that the changes of an answer's probabilities sum to; the most probable class stays.")
    }
}

/// How much work a challenge asks for.
package struct WorkSettings: Sendable, Equatable {
    /// **Units** expected hashes, at the band's beginning and at most.
    package var hashes: ClosedRange<Int>
    /// The factor on expected hashes for each nat of surprise: each time the share of benign queries that score higher falls by e.
    package var growth: Double

    init(reading section: Section) {
        hashes = section.value(
            "hashes", .span(of: .integer(in: 1...1 << 48)), default: 262_144...268_435_456,
            "Expected hashes at the band's beginning, and the most for any score.")
        growth = section.value(
            "growth", .number(in: 1...64), default: 4,
            "Factor on the expected hashes each time the share of benign queries that score higher falls by a factor of e (2.718)."
        )
    }
}
