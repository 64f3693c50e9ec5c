import Foundation
import SAME

/// What an owner should set, from what a red team met.
package struct LiveAdvice: Codable, Hashable, Sendable {
    /// Sentences, the most important first.
    package var findings: [String] = []
    /// A part of a configuration that says the same.
    package var yaml = ""

    /// The share of honest queries that each verdict of the shipped policy may meet.
    private static let targets: [(verdict: String, percentile: Double)] = [
        ("perturb", 97), ("proof-of-work", 99), ("reject", 99.9),
    ]
    /// Fewer honest queries than this above a threshold say nothing of its rate.
    private static let hitsMin = 3.0

    /// Advice for a gateway that treated honest users and attackers so.
    init(honest: LiveResult.Treatment, attacks: [LiveResult.Treatment], budget: Int) {
        let hasLog = !honest.percentiles.isEmpty && attacks.contains { !$0.percentiles.isEmpty }
        observe(honest, attacks)
        let thresholds =
            hasLog ? thresholds(honest, attacks) : thresholdsFromAnswers(honest, attacks)
        yaml = Self.bands(thresholds) + (hasLog ? rates(honest, attacks, budget) : Self.plainRates(budget))
        if !hasLog {
            findings.append(
                "No percentiles of these queries were at hand: with the gateway's decision log (--decisions) the bands are"
                    + " placed by what these very queries scored.")
        }
    }

    private mutating func observe(_ honest: LiveResult.Treatment, _ attacks: [LiveResult.Treatment]) {
        let refused = 1 - honest.answeredShare
        let (low, high) = CalibrationPoint.wilson(honest.asked - honest.answered, of: honest.asked)
        findings.append(
            String(
                format: "%.2f %% of %d honest queries got no answer (95 %% interval %.2f – %.2f %%).",
                100 * refused,
                honest.asked, 100 * low, 100 * high))
        for attack in attacks {
            guard attack.asked > 0 else {
                findings.append(
                    "\(attack.name) made no query of its own: nothing that it begins with was answered.")
                continue
            }
            var text = String(
                format: "%@: %.1f %% of %d queries were answered", attack.name, 100 * attack.answeredShare,
                attack.asked)
            if let fidelity = attack.fidelity {
                text += String(format: "; its substitute agrees with the victim on %.1f %%", 100 * fidelity)
            }
            if attack.hashesPaid > 0 { text += String(format: "; it paid %.3g hashes", attack.hashesPaid) }
            findings.append(text + ".")
        }
    }

    // MARK: Bands

    /// The stated percentiles, raised where honest queries lie above them more often than stated.
    private mutating func thresholds(
        _ honest: LiveResult.Treatment, _ attacks: [LiveResult.Treatment]
    ) -> [Double] {
        let sorted = honest.percentiles.sorted()
        return Self.targets.map { target in
            let rate = 1 - target.percentile / 100
            let above = sorted.count { $0 > target.percentile }
            let (low, _) = CalibrationPoint.wilson(above, of: sorted.count)
            let caught = attacks.map { attack in
                let share =
                    Double(attack.percentiles.count { $0 > target.percentile })
                    / Double(max(1, attack.percentiles.count))
                return "\(attack.name) \(String(format: "%.1f", 100 * share)) %"
            }
            var text = String(
                format:
                    "Above p%@ lie %.2f %% of the honest queries (stated: %.2g %%) and of the attacks: %@.",
                Self.short(target.percentile), 100 * Double(above) / Double(max(1, sorted.count)), 100 * rate,
                caught.joined(separator: ", "))
            var threshold = target.percentile
            if low > rate, Double(sorted.count) * rate >= Self.hitsMin {
                let place = Int((Double(sorted.count) * (1 - rate)).rounded(.up)) - 1
                threshold = min(99.999, max(threshold, sorted[min(max(place, 0), sorted.count - 1)]))
                text +=
                    " Honest queries of today score higher than those of the calibration: the band is raised to"
                    + " p\(Self.short(threshold)); fitting the bundle anew on them would be better."
            }
            findings.append(text)
            return threshold
        }
    }

    /// Without a log there is only what was refused: a policy that lets attacks through is tightened as far as honest users
    /// leave room.
    private mutating func thresholdsFromAnswers(
        _ honest: LiveResult.Treatment, _ attacks: [LiveResult.Treatment]
    ) -> [Double] {
        let passes = attacks.filter { $0.answeredShare > 0.9 && $0.perturbed ?? 0 < $0.answered / 2 }
        let (low, _) = CalibrationPoint.wilson(honest.asked - honest.answered, of: honest.asked)
        if low > 0.01 {
            findings.append(
                "More than one honest query in a hundred is refused: the bands below begin higher.")
            return [98, 99.5, 99.95]
        }
        guard !passes.isEmpty else { return Self.targets.map(\.percentile) }
        findings.append(
            "\(passes.map(\.name).joined(separator: ", ")) got nearly everything: the bands below begin lower, and rates charge"
                + " by surprise.")
        return [95, 98, 99.5]
    }

    /// Ascending, as a policy must be.
    private static func bands(_ thresholds: [Double]) -> String {
        var last = 0.0
        let ascending = thresholds.map { value -> String in
            last = max(value, last + 0.001)
            return short(min(last, 99.9999))
        }
        return """
            policies:
              default:
                bands:
                  - above: p\(ascending[0])
                    verdict: perturb
                    noise: {l1: 0.2}
                  - above: p\(ascending[1])
                    verdict: proof-of-work
                    work: {hashes: [262144, 268435456], growth: 4}
                  - above: p\(ascending[2])
                    verdict: reject

            """
    }

    // MARK: Rates

    /// What a row costs at most: no single query may empty an account.
    private static let rowMax = 10.0

    /// Rates that let an honest client ask 500 queries an hour, and an attacker fewer, by what its queries cost.
    private mutating func rates(
        _ honest: LiveResult.Treatment, _ attacks: [LiveResult.Treatment], _ budget: Int
    ) -> String {
        let cost = { (percentiles: [Double]) -> Double in
            let costs = percentiles.map { min(Self.rowMax, 1 + AnomalyScore.surprise(percentile: $0)) }
            return costs.reduce(0, +) / Double(max(1, costs.count))
        }
        let fair = cost(honest.percentiles)
        let cells = Int((500 * fair).rounded(.up))
        let slowest = attacks.filter { !$0.percentiles.isEmpty }.map { attack in
            let hours = Double(budget) * cost(attack.percentiles) / Double(cells)
            return "\(attack.name) \(String(format: "%.1f", hours)) h"
        }
        findings.append(
            String(format: "Charged 1 and 1 for each nat of surprise, an honest query costs %.2f; ", fair)
                + "with \(cells) cells an hour an honest client may ask 500 queries an hour, and \(budget) queries of an attack"
                + " take one account: \(slowest.joined(separator: ", ")).")
        return Self.rates(cells: cells, burst: max(10, cells / 10))
    }

    private static func plainRates(_ budget: Int) -> String { rates(cells: 1000, burst: 100) }

    private static func rates(cells: Int, burst: Int) -> String {
        """
        rates:
          per-client:
            cells: \(cells)
            per: 1h
            burst: \(burst)
            by: client
            cost: {base: 1, per_surprise: 1, row_max: \(Int(rowMax))}

        """
    }

    private static func short(_ value: Double) -> String {
        var text = String(format: "%.4f", value)
        while text.hasSuffix("0") { text.removeLast() }
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }
}
