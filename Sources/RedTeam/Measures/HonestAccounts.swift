import SAME
import Tensor

/// How often windows of honest accounts out of the ordinary are flagged where a stated share of ordinary ones is.
package struct HonestAccountEntry: Codable, Hashable, Sendable {
    package var account: HonestAccounts.Kind
    package var measure: WindowMeasure
    package var size: Int
    /// The share of ordinary honest windows above the threshold.
    package var nominal: Double
    /// The share of this account's windows above it.
    package var measured: Double
    package var windows: Int
}

/// Accounts that are honest and yet not like the calibration data.
package struct HonestAccounts {
    /// What is out of the ordinary.
    package enum Kind: String, Codable, CaseIterable, Sendable {
        /// Nothing: the check of the threshold itself, on queries that did not set it.
        case ordinary
        /// Only pictures of two classes.
        case twoClasses = "two classes"
        /// Pictures that another client has enlarged and brought back to size.
        case resized = "other resizer"
    }

    /// The share of ordinary windows that the threshold is set to.
    static let nominal = 0.01

    let benign: [ScoreBench.Row]
    let labels: [Int]
    /// The rows of the same pictures from another client.
    let resized: [ScoreBench.Row]

    /// The entries of all kinds, measures and sizes. Windows are drawn at random, `count` for each threshold and each figure.
    func entries(sizes: [Int], count: Int, seed: UInt64, judge: WindowJudge) -> [HonestAccountEntry] {
        let half = benign.count / 2
        let ordinary = Array(0..<half)
        let others = Array(half..<benign.count)
        let classes = Array(Set(labels)).sorted()
        var generator = RandomGenerator(seed: seed, stream: 300)
        var entries: [HonestAccountEntry] = []
        for size in sizes where half >= 2 {
            let thresholds = windows(from: ordinary, size, count, &generator)
            var cases: [(Kind, [[Int]], [ScoreBench.Row])] = [
                (.ordinary, windows(from: others, size, count, &generator), benign)
            ]
            let pairs = (0..<count).map { _ in
                let chosen = Set(generator.permutation(classes.count).prefix(2).map { classes[$0] })
                return others.filter { chosen.contains(labels[$0]) }
            }
            let two = pairs.filter { !$0.isEmpty }.map { pool in
                (0..<size).map { _ in pool[generator.integer(below: pool.count)] }
            }
            cases.append((.twoClasses, two, benign))
            if resized.count == benign.count {
                cases.append((.resized, windows(from: others, size, count, &generator), resized))
            }
            for measure in WindowMeasure.allCases {
                let bound = Self.threshold(thresholds.map { score($0, benign, measure, judge) })
                for (kind, chosen, rows) in cases where !chosen.isEmpty {
                    let above = chosen.count { score($0, rows, measure, judge) > bound }
                    entries.append(
                        HonestAccountEntry(
                            account: kind, measure: measure, size: size, nominal: Self.nominal,
                            measured: Double(above) / Double(chosen.count), windows: chosen.count))
                }
            }
        }
        return entries
    }

    private func windows(
        from places: [Int], _ size: Int, _ count: Int, _ generator: inout RandomGenerator
    ) -> [[Int]] {
        (0..<count).map { _ in (0..<size).map { _ in places[generator.integer(below: places.count)] } }
    }

    private func score(
        _ window: [Int], _ rows: [ScoreBench.Row], _ measure: WindowMeasure, _ judge: WindowJudge
    ) -> Double {
        judge.score(
            measure, surprises: window.map { rows[$0].surprise }, features: window.map { rows[$0].features })
    }

    private static func threshold(_ scores: [Double]) -> Double {
        let sorted = scores.sorted()
        let place = Int((Double(sorted.count) * (1 - nominal)).rounded(.up)) - 1
        return sorted[min(max(place, 0), sorted.count - 1)]
    }
}
