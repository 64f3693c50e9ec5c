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
/// The first half of the pictures sets thresholds, the other is judged by them.
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
    /// The quality of a client's JPEG.
    static let quality = 90

    let benign: [ScoreBench.Row]
    let labels: [Int]
    /// The rows of the same pictures from other clients, in the same order.
    let others: [Kind: [ScoreBench.Row]]

    /// The entries of all kinds, measures and sizes. Windows are drawn at random, `count` for each threshold and each figure.
    func entries(sizes: [Int], count: Int, seed: UInt64, judge: WindowJudge) -> [HonestAccountEntry] {
        var generator = RandomGenerator(seed: seed, stream: 300)
        var entries: [HonestAccountEntry] = []
        for size in sizes where benign.count >= 4 {
            let setting = windows(in: 0..<benign.count / 2, size, count, &generator)
            let judged = windows(in: benign.count / 2..<benign.count, size, count, &generator)
            for measure in WindowMeasure.allCases {
                let bounds = setting.mapValues { windows in
                    Self.threshold(windows.map { score($0.places, $0.rows, measure, judge) })
                }
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
            let setting = windows(in: 0..<benign.count / 2, size, count, &generator)
            bounds[size] =
                setting.values.map { windows in
                    Self.threshold(windows.map { score($0.places, $0.rows, .meanSurprise, judge) })
                }.max()
        }
        return bounds
    }

    /// One account's window: places among the rows of its client.
    private struct Window {
        var places: [Int]
        var rows: [ScoreBench.Row]
    }

    /// Windows of every kind, drawn from pictures at some places; kinds without any are left out.
    private func windows(
        in places: Range<Int>, _ size: Int, _ count: Int, _ generator: inout RandomGenerator
    ) -> [Kind: [Window]] {
        let all = Array(places)
        let classes = Array(Set(places.map { labels[$0] })).sorted()
        var found: [Kind: [Window]] = [:]
        for kind in Kind.allCases {
            let rows = kind == .ordinary || kind == .twoClasses ? benign : others[kind] ?? []
            guard rows.count == benign.count else { continue }
            found[kind] = (0..<count).compactMap { _ in
                var pool = all
                if kind == .twoClasses {
                    let pair = generator.permutation(classes.count).prefix(2).map { classes[$0] }
                    pool = all.filter { pair.contains(labels[$0]) }
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

    private static func threshold(_ scores: [Double]) -> Double {
        let sorted = scores.sorted()
        let place = Int((Double(sorted.count) * (1 - nominal)).rounded(.up)) - 1
        return sorted[min(max(place, 0), sorted.count - 1)]
    }
}
