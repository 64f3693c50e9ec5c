import Tensor
import Testing

@testable import RedTeam

@Suite("Account windows")
struct AccountTests {
    @Test("the window's mean is that of the last n, bounded, and forgets what came before")
    func window() {
        var window = WindowStatistic(size: 3)
        #expect(window.mean == 0)
        for value in [9.0, 1, 2] { window.observe(value) }
        #expect(window.mean == 4)
        window.observe(3)
        #expect(window.mean == 2)
        window.observe(.infinity)
        window.observe(.nan)
        window.observe(-5)
        #expect(abs(window.mean - 40.0 / 3) < 1e-12)
    }

    /// Normal surprises one deviation apart: AUROC is Φ(√(n/2)) for a window of n, by the definition of both.
    @Test("AUROC grows with the window as theory says", arguments: [(1, 0.7602), (4, 0.9214), (8, 0.9772)])
    func growth(size: Int, wanted: Double) throws {
        var generator = RandomGenerator(seed: 3)
        let benign = (0..<20_000).map { _ in 8 + generator.normal() }
        let attack = (0..<20_000).map { _ in 9 + generator.normal() }
        let found = try #require(
            AccountTrial(window: size).metrics(attack: attack, benign: benign, generator: &generator))
        #expect(abs(found.auroc - wanted) < 0.015)
    }

    @Test("honest queries mixed in dilute, colluding accounts shorten the window")
    func dilution() throws {
        var generator = RandomGenerator(seed: 3)
        let benign = (0..<4000).map { _ in 8 + generator.normal() }
        let attack = (0..<1024).map { _ in 9 + generator.normal() }
        func auroc(_ trial: AccountTrial) throws -> Double {
            try #require(trial.metrics(attack: attack, benign: benign, generator: &generator)).auroc
        }
        let plain = try auroc(AccountTrial(window: 16))
        #expect(plain > 0.99)
        #expect(try auroc(AccountTrial(window: 16, honestShare: 0.75)) < plain - 0.05)
        // 256 accounts hold four queries each: a window of 16 never fills, and what there is counts as one of four.
        let spread = try auroc(AccountTrial(window: 16, accounts: 256))
        #expect(abs(spread - 0.9214) < 0.05)
        #expect(AccountTrial(window: 4).metrics(attack: [], benign: benign, generator: &generator) == nil)
    }
}
