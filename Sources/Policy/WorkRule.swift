import Foundation

/// How the work demanded grows with the anomaly score.
///
/// hashes = least · growth^(surprise − surprise at the band's threshold), held within [least, most]. Surprise is
/// in nats of the benign tail, so `growth: 2` doubles the work for each e-fold rarer query: continuous, where
/// counting leading zero digits would step by a factor of 16.
package struct WorkRule: Hashable, Sendable {
    /// The expected hashes at the band's threshold.
    package var least: Double
    /// The expected hashes that no score exceeds.
    package var most: Double
    /// The factor for each nat of surprise.
    package var growth: Double

    /// A rule as given; `problems` says what is wrong with it.
    package init(least: Double, most: Double, growth: Double) {
        self.least = least
        self.most = most
        self.growth = growth
    }

    /// The work for a row with `surprise` in a band that begins at `threshold`, both in nats.
    ///
    /// A surprise that is not a number demands the most: work is never waived because a score is broken.
    package func demand(surprise: Double, threshold: Double) -> WorkDemand {
        let excess = surprise - threshold
        guard !excess.isNaN else { return WorkDemand(expectedHashes: most) }
        guard excess > 0 else { return WorkDemand(expectedHashes: least) }
        let hashes = least * pow(growth, excess)
        return WorkDemand(expectedHashes: hashes.isNaN ? most : min(max(hashes, least), most))
    }

    /// More work than this cannot be expressed in a 128-bit target with any precision left, nor be done.
    package static let hashesCeiling = 0x1p64

    /// What is wrong with the rule, for the operator; empty when nothing is.
    var problems: [String] {
        var problems: [String] = []
        if !(least >= 1) { problems.append("work.hashes begins at \(least); it must be at least 1") }
        if !(most >= least) { problems.append("work.hashes ends at \(most), below its beginning \(least)") }
        if !(most <= Self.hashesCeiling) { problems.append("work.hashes ends at \(most); the most is 2^64") }
        if !(growth >= 1) || !growth.isFinite {
            problems.append("work.growth is \(growth); it must be a number from 1")
        }
        return problems
    }
}
