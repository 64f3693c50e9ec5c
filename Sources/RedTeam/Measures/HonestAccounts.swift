import SAME
import Tensor

/// How often windows of honest accounts out of the ordinary are flagged where a stated share of honest ones is.
package struct HonestAccountEntry: Codable, Hashable, Sendable {
    package var account: HonestAccounts.Kind
    package var measure: WindowMeasure
    package var size: Int
    /// The share of honest windows above the threshold that was aimed at.
    package var nominal: Double
    /// The share of this account's windows above a threshold that was set by ordinary accounts alone.
    package var measured: Double
    /// The share above the highest of the thresholds that the kinds of accounts would set, each for itself.
    package var measuredAllowing: Double
    package var windows: Int
}

/// Accounts that are honest and yet not like the calibration data.
///
/// The first half of the pictures sets thresholds, the other is judged by them. A threshold is to hold for other pictures than
/// those that set it, of which a long window needs many: it is the bootstrap's upper bound of the quantile, not the quantile.
///
/// **Source** the bootstrap percentile bound: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
package struct HonestAccounts {
    /// What is out of the ordinary.
    package enum Kind: String, Codable, CaseIterable, Sendable {
        /// Nothing: the check of the threshold itself, on queries that did not set it.
        case ordinary
        /// Only pictures of two classes.
        case twoClasses = "two classes"
        /// Pictures that another client has enlarged and brought back to size.
        case resized = "other resizer"
        /// Pictures that another client sends as JPEG.
        case reencoded = "JPEG"
    }

    /// The share of honest windows that a threshold is set to.
    static let nominal = 0.01
    /// How often the pictures are drawn anew.
    static let redraws = 20
    /// Of so many a threshold is below so many.
    private static let confidence = 0.95
    /// The quality of a client's JPEG.
    static let quality = 90

    let benign: [ScoreBench.Row]
    let labels: [Int]
    /// The rows of the same pictures from other clients, in the same order.
    let others: [Kind: [ScoreBench.Row]]

    /// The entries of all kinds, measures and sizes. Windows are drawn at random, `count` for each figure, a
    /// quarter as many for each redraw that sets a threshold.
    func entries(sizes: [Int], count: Int, seed: UInt64, judge: WindowJudge) -> [HonestAccountEntry] {
        var generator = RandomGenerator(seed: seed, stream: 300)
        var entries: [HonestAccountEntry] = []
        for size in sizes where benign.count >= 4 {
            let setting = redrawn(0..<benign.count / 2, size, max(count / 4, 1), &generator)
            let judged = windows(of: Array(benign.count / 2..<benign.count), size, count, &generator)
            for measure in WindowMeasure.allCases {
                let bounds = bounds(setting, measure, judge)
                let (ordinary, highest) = (bounds[.ordinary] ?? .infinity, bounds.values.max() ?? .infinity)
                for kind in Kind.allCases {
                    guard let windows = judged[kind], !windows.isEmpty else { continue }
                    let scores = windows.map { score($0.places, $0.rows, measure, judge) }
                    let share = { (bound: Double) in
                        Double(scores.count { $0 > bound }) / Double(scores.count)
                    }
                    entries.append(
                        HonestAccountEntry(
                            account: kind, measure: measure, size: size, nominal: Self.nominal,
                            measured: share(ordinary), measuredAllowing: share(highest),
                            windows: windows.count))
                }
            }
        }
        return entries
    }

    /// The mean surprise that no more than the stated share of any kind's windows pass, by window size.
    func allowingBounds(sizes: [Int], count: Int, seed: UInt64, judge: WindowJudge) -> [Int: Double] {
        var generator = RandomGenerator(seed: seed, stream: 301)
        var bounds: [Int: Double] = [:]
        for size in sizes where benign.count >= 4 {
            let setting = redrawn(0..<benign.count / 2, size, max(count / 4, 1), &generator)
            bounds[size] = self.bounds(setting, .meanSurprise, judge).values.max()
        }
        return bounds
    }

    /// Windows of every kind, of the pictures at some places drawn anew, again and again.
    private func redrawn(
        _ places: Range<Int>, _ size: Int, _ count: Int, _ generator: inout RandomGenerator
    ) -> [[Kind: [Window]]] {
        (0..<Self.redraws).map { _ in
            let drawn = places.map { _ in places.lowerBound + generator.integer(below: places.count) }
            return windows(of: drawn, size, count, &generator)
        }
    }

    /// The score that no more than the stated share of a kind's windows pass, whatever pictures they are of.
    private func bounds(
        _ redrawn: [[Kind: [Window]]], _ measure: WindowMeasure, _ judge: WindowJudge
    ) -> [Kind: Double] {
        var thresholds: [Kind: [Double]] = [:]
        for (kind, windows) in redrawn.joined() {
            let scores = windows.map { score($0.places, $0.rows, measure, judge) }
            thresholds[kind, default: []].append(Self.quantile(scores, 1 - Self.nominal))
        }
        return thresholds.mapValues { Self.quantile($0, Self.confidence) }
    }

    /// One account's window: places among the rows of its client.
    private struct Window {
        var places: [Int]
        var rows: [ScoreBench.Row]
    }

    /// Windows of every kind, drawn from some pictures; kinds without any are left out.
    private func windows(
        of all: [Int], _ size: Int, _ count: Int, _ generator: inout RandomGenerator
    ) -> [Kind: [Window]] {
        let classes = Array(Set(all.map { labels[$0] })).sorted()
        let ofClass = Dictionary(grouping: all) { labels[$0] }
        var found: [Kind: [Window]] = [:]
        for kind in Kind.allCases {
            let rows = kind == .ordinary || kind == .twoClasses ? benign : others[kind] ?? []
            guard rows.count == benign.count else { continue }
            found[kind] = (0..<count).compactMap { _ in
                var pool = all
                if kind == .twoClasses {
                    let pair = generator.permutation(classes.count).prefix(2).map { classes[$0] }
                    pool = pair.flatMap { ofClass[$0] ?? [] }
                }
                guard !pool.isEmpty else { return nil }
                return Window(
                    places: (0..<size).map { _ in pool[generator.integer(below: pool.count)] }, rows: rows)
            }
        }
        return found.filter { !$0.value.isEmpty }
    }

    private func score(
        _ window: [Int], _ rows: [ScoreBench.Row], _ measure: WindowMeasure, _ judge: WindowJudge
    ) -> Double {
        judge.score(
            measure, surprises: window.map { rows[$0].surprise }, features: window.map { rows[$0].features })
    }

    /// The least of the values that a share of them is not above.
    private static func quantile(_ values: [Double], _ share: Double) -> Double {
        let sorted = values.sorted()
        let place = Int((Double(sorted.count) * share).rounded(.up)) - 1
        return sorted[min(max(place, 0), sorted.count - 1)]
    }
}
