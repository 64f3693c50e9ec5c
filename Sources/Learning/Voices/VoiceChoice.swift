import Foundation
import SAME

/// Chooses what each term counts for in the tail-sum, by simulated queries against held-out benign images.
struct VoiceChoice {
    /// Surprises of one query: one for each term, in the calibration's order. **Units** nats.
    typealias Row = [Double]

    /// The terms that are weighed, in the rows' order.
    let terms: [ScoreTerm]
    /// Benign queries.
    let benign: [Row]
    /// Simulated queries of each kind.
    let attacks: [[Row]]

    /// The voices that are tried: few and far apart, so that chance among some thousands of simulated queries decides
    /// nothing.
    static let floors = [0, log(4.0), log(10.0), log(30.0)]
    static let weights = [0.1, 0.5, 1, 2]
    /// A voice must better the mean of ``loss(_:)`` by so much to be preferred to the one before.
    private static let gainMin = 0.01
    private static let passes = 3

    /// The choice: term by term, the best of those tried while the others stay, until none gets better. Terms with a plain
    /// voice are left out.
    func voices() -> [ScoreTerm: Voice] {
        var voices = [Voice](repeating: .plain, count: terms.count)
        var best = loss(voices)
        for _ in 0..<Self.passes {
            let before = voices
            for index in terms.indices {
                // The reconstruction is heard always: it keeps apart what every other term is silent about.
                for floor in terms[index] == .reconstruction ? [0] : Self.floors {
                    for weight in Self.weights {
                        var tried = voices
                        tried[index] = Voice(floor: floor, weight: weight)
                        let found = loss(tried)
                        if found < best - Self.gainMin { (best, voices) = (found, tried) }
                    }
                }
            }
            if voices == before { break }
        }
        let chosen = zip(terms, voices).filter { $0.1 != .plain }
        return Dictionary(uniqueKeysWithValues: chosen.map { ($0, $1) })
    }

    /// The mean over the kinds of ln(1 − AUROC + 0.005): from 97 to 99 % is worth as much as from 70 to 90 %.
    func loss(_ voices: [Voice]) -> Double {
        let score = { (row: Row) in zip(voices, row).reduce(0) { $0 + $1.0.heard($1.1) } }
        let honest = benign.map(score).sorted()
        let losses = attacks.filter { !$0.isEmpty }.map { rows in
            log(1 - Self.auroc(rows.map(score), over: honest) + 0.005)
        }
        return losses.reduce(0, +) / Double(max(1, losses.count))
    }

    /// The share of pairs in which the attack's score is the higher; ties count half. **Shapes** honest ascending.
    static func auroc(_ attack: [Double], over honest: [Double]) -> Double {
        var wins = 0.0
        for score in attack {
            let below = firstIndex(honest) { $0 >= score }, upTo = firstIndex(honest) { $0 > score }
            wins += Double(below) + Double(upTo - below) / 2
        }
        return wins / Double(max(1, attack.count * honest.count))
    }

    private static func firstIndex(_ ascending: [Double], _ isThere: (Double) -> Bool) -> Int {
        var low = 0, high = ascending.count
        while low < high {
            let middle = (low + high) / 2
            if isThere(ascending[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
