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
    /// Simulated queries, in groups of kinds: each group counts alike, and each kind within it.
    let attacks: [[[Row]]]

    /// The voices that are tried: few and far apart, so that chance among some thousands of simulated queries decides
    /// nothing.
    static let floors = [0, log(4.0), log(10.0), log(30.0)]
    static let weights = [0.1, 0.5, 1, 2, 4]
    /// What a term alone has to say of a query as rare as one in a thousand. **Units** nats.
    private static let rare = log(1000.0)
    /// Of ``loss(_:)``: less is neither a gain nor a loss.
    private static let margin = 0.01
    private static let passes = 3

    /// The choice: term by term, the best of those tried while the others stay, until none gets better; then each term as loud
    /// about what is rare as it can be without a loss. Terms with a plain voice are left out.
    func voices() -> [ScoreTerm: Voice] {
        guard attacks.contains(where: { $0.contains { !$0.isEmpty } }) else { return [:] }
        var voices = [Voice](repeating: .plain, count: terms.count)
        var best = loss(voices)
        for _ in 0..<Self.passes {
            let before = voices
            for index in terms.indices {
                for voice in tried(index) {
                    var tried = voices
                    tried[index] = voice
                    let found = loss(tried)
                    if found < best - Self.margin { (best, voices) = (found, tried) }
                }
            }
            if voices == before { break }
        }
        for index in terms.indices { voices[index] = loudest(index, voices, below: best + Self.margin) }
        let chosen = zip(terms, voices).filter { $0.1 != .plain }
        return Dictionary(uniqueKeysWithValues: chosen.map { ($0, $1) })
    }

    /// The voices that are tried for a term. The reconstruction is heard always: it keeps apart what every other term is
    /// silent about.
    private func tried(_ index: Int) -> [Voice] {
        let floors = terms[index] == .reconstruction ? [0] : Self.floors
        return floors.flatMap { floor in Self.weights.map { Voice(floor: floor, weight: $0) } }
    }

    /// Of a term's voices that keep the loss below a bound, the one that says most of what is rare: whatever is not simulated
    /// may be seen by this term alone.
    private func loudest(_ index: Int, _ voices: [Voice], below bound: Double) -> Voice {
        var loudest = voices[index]
        for voice in tried(index) where voice.heard(Self.rare) > loudest.heard(Self.rare) {
            var tried = voices
            tried[index] = voice
            if loss(tried) < bound { loudest = voice }
        }
        return loudest
    }

    /// The mean over the kinds, group by group, of ln(1 − AUROC + 0.005): from 97 to 99 % is worth as much as from 70 to 90 %.
    func loss(_ voices: [Voice]) -> Double {
        let score = { (row: Row) in zip(voices, row).reduce(0) { $0 + $1.0.heard($1.1) } }
        let honest = benign.map(score).sorted()
        let mean = { (losses: [Double]) in losses.reduce(0, +) / Double(max(1, losses.count)) }
        return mean(
            attacks.map { $0.filter { !$0.isEmpty } }.filter { !$0.isEmpty }.map { kinds in
                mean(kinds.map { log(1 - Self.auroc($0.map(score), over: honest) + 0.005) })
            })
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
