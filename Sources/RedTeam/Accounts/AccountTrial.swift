import Tensor

/// How well a window tells thieves' accounts from honest ones.
///
/// The attack's queries, in the order they were asked, go in turn to `accounts` colluding accounts, each of which mixes them
/// with honest queries. Every whole window of theirs is a positive; as many windows of honest queries alone are the
/// negatives. Where an account has too few queries to fill a window, what it has is its window.
package struct AccountTrial: Hashable, Sendable {
    /// Queries of a window.
    package var window: Int
    /// Accounts that share the attack.
    package var accounts = 1
    /// Honest queries among those of a thief's account, 0..<1.
    package var honestShare = 0.0

    /// A trial as given. Traps unless sizes are positive and the share is below 1.
    package init(window: Int, accounts: Int = 1, honestShare: Double = 0) {
        precondition(window >= 1 && accounts >= 1 && honestShare >= 0 && honestShare < 1)
        self.window = window
        self.accounts = accounts
        self.honestShare = honestShare
    }

    /// The metrics of the windows' means; nil when there is no window.
    ///
    /// Honest queries are drawn from `benign` at random, one after another without repetition until all were drawn.
    /// **Units** surprises in nats, the attack's in the order asked.
    package func metrics(
        attack: [Double], benign: [Double], generator: inout RandomGenerator
    ) -> DetectionMetrics? {
        guard !attack.isEmpty, !benign.isEmpty else { return nil }
        var honest = Deck(benign)
        var positives: [Double] = [], lengths: [Int] = []
        for account in 0..<accounts {
            var stream: [Double] = []
            for index in stride(from: account, to: attack.count, by: accounts) {
                while generator.uniform() < honestShare { stream.append(honest.draw(&generator)) }
                stream.append(attack[index])
            }
            for start in stride(from: 0, to: stream.count, by: window) {
                let part = stream[start..<min(start + window, stream.count)]
                // The rest of an account's queries that fills no window is left out, unless it is all there is.
                guard part.count == window || start == 0 else { continue }
                positives.append(mean(part))
                lengths.append(part.count)
            }
        }
        let negatives = lengths.map { length in
            mean((0..<length).map { _ in honest.draw(&generator) }[...])
        }
        return DetectionMetrics(attack: positives, benign: negatives)
    }

    private func mean(_ surprises: ArraySlice<Double>) -> Double {
        var statistic = WindowStatistic(size: window)
        for surprise in surprises { statistic.observe(surprise) }
        return statistic.mean
    }

    /// Values drawn in random order, and shuffled again once all were drawn.
    private struct Deck {
        private let values: [Double]
        private var order: [Int] = []

        init(_ values: [Double]) { self.values = values }

        mutating func draw(_ generator: inout RandomGenerator) -> Double {
            if order.isEmpty { order = generator.permutation(values.count) }
            return values[order.removeLast()]
        }
    }
}
