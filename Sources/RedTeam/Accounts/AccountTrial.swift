import Tensor

/// How well a window tells thieves' accounts from honest ones.
///
/// The attack's queries, in the order they were asked, go in turn to `accounts` colluding accounts, each of which mixes them
/// with honest queries. Every whole window of theirs is a positive; as many windows of honest queries alone are the
/// negatives. Where an account has too few queries to fill a window, what it has is its window.
package struct AccountTrial: Codable, Hashable, Sendable {
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

    /// One query of an account, by its place among the attack's or the honest ones.
    package enum Query: Hashable, Sendable {
        case attack(Int)
        case honest(Int)
    }

    /// The windows of thieves' accounts, and as many of honest ones, each as long as its counterpart.
    ///
    /// Honest queries are drawn at random, one after another without repetition until all were drawn.
    package func windows(
        attackCount: Int, honestCount: Int, generator: inout RandomGenerator
    ) -> (thieves: [[Query]], honest: [[Query]]) {
        guard attackCount > 0, honestCount > 0 else { return ([], []) }
        var deck = Deck(count: honestCount)
        var thieves: [[Query]] = []
        for account in 0..<accounts {
            var stream: [Query] = []
            for index in stride(from: account, to: attackCount, by: accounts) {
                while generator.uniform() < honestShare { stream.append(.honest(deck.draw(&generator))) }
                stream.append(.attack(index))
            }
            for start in stride(from: 0, to: stream.count, by: window) {
                let part = stream[start..<min(start + window, stream.count)]
                // The rest of an account's queries that fills no window is left out, unless it is all there is.
                guard part.count == window || start == 0 else { continue }
                thieves.append(Array(part))
            }
        }
        let honest = thieves.map { window in window.map { _ in Query.honest(deck.draw(&generator)) } }
        return (thieves, honest)
    }

    /// The metrics of the windows' mean surprises; nil when there is no window.
    ///
    /// **Units** surprises in nats, the attack's in the order asked.
    package func metrics(
        attack: [Double], benign: [Double], generator: inout RandomGenerator
    ) -> DetectionMetrics? {
        let windows = windows(attackCount: attack.count, honestCount: benign.count, generator: &generator)
        let mean = { (window: [Query]) in
            var statistic = WindowStatistic(size: self.window)
            for query in window {
                switch query {
                case .attack(let index): statistic.observe(attack[index])
                case .honest(let index): statistic.observe(benign[index])
                }
            }
            return statistic.mean
        }
        return DetectionMetrics(attack: windows.thieves.map(mean), benign: windows.honest.map(mean))
    }

    /// Places in random order, shuffled again once all were drawn.
    private struct Deck {
        private let count: Int
        private var order: [Int] = []

        init(count: Int) { self.count = count }

        mutating func draw(_ generator: inout RandomGenerator) -> Int {
            if order.isEmpty { order = generator.permutation(count) }
            return order.removeLast()
        }
    }
}
