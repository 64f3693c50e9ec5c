import Foundation
import Tensor

/// The gradient bandit that KnockoffNets chooses its pictures' classes by.
///
/// **Source** Orekondy et al. 2019, §4.2.2: π = softmax(H); H[a] += (r − r̄)(1 − π_a)/N_a, H[b] −= (r −
/// r̄)π_b/N_a for the others; r̄ is the mean of the last rewards, the present one included.
package struct ClassBandit: Sendable {
    /// H, one a class.
    package private(set) var preferences: [Double]
    /// N, how often each class was chosen.
    package private(set) var counts: [Int]
    private var rewards: [Double] = []
    private let window: Int

    /// No preference among `classes`; r̄ looks back over `window` rewards.
    package init(classes: Int, window: Int = 25) {
        preferences = [Double](repeating: 0, count: classes)
        counts = [Int](repeating: 0, count: classes)
        self.window = max(1, window)
    }

    /// π over the classes that are `open`, 0 for the others.
    package func policy(open: (Int) -> Bool = { _ in true }) -> [Double] {
        let high = preferences.indices.filter(open).map { preferences[$0] }.max() ?? 0
        let weights = preferences.indices.map { open($0) ? exp(preferences[$0] - high) : 0 }
        let sum = weights.reduce(0, +)
        return sum > 0 ? weights.map { $0 / sum } : weights
    }

    /// A class drawn from π over the open ones, with that π; nil when none is open.
    package func choose(
        open: (Int) -> Bool, generator: inout RandomGenerator
    ) -> (action: Int, policy: [Double])? {
        let policy = policy(open: open)
        var point = generator.uniform()
        for (index, share) in policy.enumerated() where share > 0 {
            point -= share
            if point < 0 { return (index, policy) }
        }
        return policy.lastIndex { $0 > 0 }.map { ($0, policy) }
    }

    /// Learns that choosing `action` brought `reward`; `policy` is the π it was drawn from. Classes that were not open then
    /// have no share in it, and keep their preference.
    package mutating func learn(action: Int, policy: [Double], reward: Double) {
        rewards.append(reward)
        if rewards.count > window { rewards.removeFirst() }
        counts[action] += 1
        let advantage = reward - rewards.reduce(0, +) / Double(rewards.count)
        let rate = 1 / Double(counts[action])
        for index in preferences.indices {
            let slope = index == action ? 1 - policy[index] : -policy[index]
            preferences[index] += rate * advantage * slope
        }
    }
}

/// What a query was worth to KnockoffNets: the sum of three rewards, each in 0…1.
package struct KnockoffReward: Sendable {
    private var meanAnswer: [Double] = []
    private var count = 0.0

    /// No answers yet.
    package init() {}

    /// Certainty p₁ − p₂, diversity Σ max(0, y − ȳ) against the mean answer so far, and the substitute's
    /// cross entropy, which 1 − e^(−loss) brings to 0…1.
    package mutating func reward(answer: [Float], substitute: [Float]) -> Double {
        let sorted = answer.sorted(by: >)
        let certainty = sorted.count > 1 ? Double(sorted[0] - sorted[1]) : 0
        if meanAnswer.isEmpty { meanAnswer = answer.map(Double.init) }
        let diversity = zip(answer, meanAnswer).reduce(0) { $0 + max(0, Double($1.0) - $1.1) }
        let loss = zip(answer, substitute).reduce(0) { $0 - Double($1.0) * log(max(Double($1.1), 1e-12)) }
        count += 1
        for index in meanAnswer.indices {
            meanAnswer[index] += (Double(answer[index]) - meanAnswer[index]) / count
        }
        return certainty + diversity - expm1(-max(0, loss))
    }
}
