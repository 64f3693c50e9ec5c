import ArgumentParser
import RedTeam

/// What an evaluation runs when it is not told otherwise.
enum EvaluateSuite: String, CaseIterable, ExpressibleByArgument {
    case quick
    case paperMNIST = "paper-mnist"
    case oursMNIST = "ours-mnist"

    static let help = """
        quick: three attacks of 1000 queries, minutes on two cores; paper-mnist: the attacks and budgets of the paper's \
        first table; ours-mnist: every attack, and account windows.
        """

    /// The attacks, in the order of the report.
    var attacks: [String] {
        switch self {
        case .quick, .paperMNIST: ["jbda", "knockoff", "dfme"]
        // The bandit needs a proxy with classes, which only --attacks can know of.
        case .oursMNIST: AttackCatalogue.names.filter { $0 != "knockoff-adaptive" }
        }
    }

    /// Queries.
    var budgets: [Int] { self == .quick ? [1000] : [1000, 4000] }

    /// Account windows.
    var windows: [AccountTrial] {
        let sizes = [8, 16, 32, 64, 128, 256]
        switch self {
        case .quick: return [16, 64].map { AccountTrial(window: $0) }
        case .paperMNIST: return []
        case .oursMNIST:
            return sizes.map { AccountTrial(window: $0) }
                + sizes.map { AccountTrial(window: $0, honestShare: 0.75) }
                + [10, 100].flatMap { accounts in sizes.map { AccountTrial(window: $0, accounts: accounts) } }
        }
    }
}
