import ArgumentParser
import Learning
import RedTeam

/// What an evaluation runs when it is not told otherwise.
enum EvaluateSuite: String, CaseIterable, ExpressibleByArgument {
    case quick
    case table1, table2, table3, table4
    case figure4, figure5, figure6, figure7
    case paperMNIST = "paper-mnist"
    case oursMNIST = "ours-mnist"
    case ours
    case natural

    static let help = """
        quick: three attacks of 1000 queries, minutes on two cores; table1 … table4, figure4 … figure7: those of the paper, \
        with its attacks and budgets; paper-mnist: all of them that are about MNIST but the retraining of figures 6 and 7; \
        ours-mnist: every attack, and account windows; ours: everything that is measured; natural: the attacks of table2 on \
        photographs, with re-encoded and smaller steps and account windows.
        """

    /// The attacks, in the order of the report.
    var attacks: [String] {
        switch self {
        case .table3: []
        case .natural: ["jbda", "jbda-jpeg", "jbda-small", "knockoff", "dfme", "noise-uniform"]
        case .oursMNIST, .ours: AttackCatalogue.names
        // The publication's Knockoff chooses its pictures; where the proxy has no classes to choose among, it cannot.
        case .table1, .table2, .table4, .paperMNIST: ["jbda", "knockoff", "knockoff-adaptive", "dfme"]
        default: ["jbda", "knockoff", "dfme"]
        }
    }

    /// Queries.
    var budgets: [Int] {
        switch self {
        case .quick: [1000]
        case .table2: [6000, 10_000]
        case .natural: [1000]
        case .table3: []
        case .table4, .figure4, .figure6, .figure7: [4000]
        case .table1, .figure5, .paperMNIST, .oursMNIST, .ours: [1000, 4000]
        }
    }

    /// What is measured besides every score's figures.
    var measures: Set<Evaluation.Measure> {
        switch self {
        case .quick: [.curves, .histograms, .ablation, .pictures]
        case .table1, .table2: [.curves, .histograms]
        case .table3: [.costs]
        case .table4: [.ratios]
        case .figure4: [.policy]
        case .figure5, .figure6, .figure7: [.curves]
        case .paperMNIST: [.curves, .histograms, .ratios, .policy, .costs, .pictures]
        case .natural: [.curves, .histograms, .ablation, .honestAccounts, .pictures]
        case .oursMNIST, .ours: Set(Evaluation.Measure.allCases)
        }
    }

    /// Account windows.
    var windows: [AccountTrial] {
        let sizes = [8, 16, 32, 64, 128, 256]
        switch self {
        case .quick: return [16, 64].map { AccountTrial(window: $0) }
        case .oursMNIST, .ours:
            let colluding = [2, 5, 10, 20, 50, 100].flatMap { accounts in
                [16, 64].map { AccountTrial(window: $0, accounts: accounts) }
            }
            return sizes.map { AccountTrial(window: $0) }
                + sizes.map { AccountTrial(window: $0, honestShare: 0.75) } + colluding
        case .natural:
            return [16, 64].flatMap { size in
                [AccountTrial(window: size), AccountTrial(window: size, honestShare: 0.75)]
            }
        default: return []
        }
    }

    /// The names that --data knows the suite's sets by, as the paper uses them.
    var data: (victim: String, proxy: String, outliers: String) {
        switch self {
        case .quick: ("fashion", "proxy", "outliers")
        case .natural: ("cifar10", "proxy", "outliers")
        case .table2, .table3: ("cifar10", "cifar100", "tiny-imagenet")
        case .ours: ("victim", "proxy", "outliers")
        default: ("mnist", "emnist", "kmnist")
        }
    }

    /// How a bundle is made that is not given: in the paper's own suites as the paper does.
    var preset: FitPreset {
        switch self {
        case .quick, .oursMNIST, .ours: .small
        case .natural: .natural
        default: .paper
        }
    }

    /// Whether it is one of the paper's own.
    var isOfPaper: Bool {
        switch self {
        case .quick, .oursMNIST, .ours, .natural: false
        default: true
        }
    }

    /// The kind of a victim that is trained; the paper's is a ResNet-18 on CIFAR-10.
    var victimModel: NetworkKind {
        switch self {
        case .natural: .resnet
        case .table2, .table3: .resnet18
        default: .conv3
        }
    }

    /// The axis of Figure 6 or 7, or of ours, and the values to try, for each preset.
    func studied(_ preset: FitPreset) -> [(axis: String, values: [Int])] {
        let epochs = preset == .paper ? [10, 50, 100, 200, 300, 400, 500] : [1, 2, 5, 10, 20, 40]
        let sizes = preset == .paper ? [48, 96, 192, 384] : [8, 16, 32, 64]
        switch self {
        case .figure6: return [("epochs", epochs)]
        case .figure7: return [("embedding size", sizes)]
        case .ours:
            return [
                ("epochs", epochs), ("embedding size", sizes), ("mask ratio in %", [10, 25, 50, 75, 90]),
            ]
        default: return []
        }
    }
}
