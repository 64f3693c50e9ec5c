import ArgumentParser
import Foundation
import Learning
import RedTeam
import SAME
import Tensor

/// `samegate evaluate`: extraction attacks against a model, and how well each score sees them.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Run extraction attacks against a model and measure how well a bundle tells them apart.",
        discussion: """
            The attacks see nothing but questions and answers. Tables go to standard output and, with every figure, to \
            OUTPUT/report.md and OUTPUT/report.json; the last line is one JSON object. Ctrl-C keeps what was asked; the same \
            command with --resume goes on from it.
            """)

    @Option(help: ArgumentHelp(EvaluateSuite.help, valueName: "name"))
    var suite: EvaluateSuite = .quick
    @OptionGroup(title: "The data") var data: EvaluateDataOptions
    @Option(
        help: ArgumentHelp(
            "Attacks instead of the suite's: \(AttackCatalogue.names.joined(separator: ", ")).",
            valueName: "name,…"))
    var attacks: String?
    @Option(help: ArgumentHelp("Queries of an attack instead of the suite's.", valueName: "count,…"))
    var budget: String?
    @Option(help: "How many seeds; figures are means and standard deviations over them.")
    var seeds = 1
    @Option(help: "Eq. (6)'s alpha, for the score as published.")
    var alpha = 0.99
    @Option(help: "Passes of a substitute through its answers.")
    var substituteEpochs = 10
    @Option(help: "Channels of the first layer of the substitutes.")
    var substituteWidth = 16
    @Option(help: ArgumentHelp("Where reports and attack traces are put.", valueName: "directory"))
    var output = "evaluation"
    @Option(help: "Threads to compute with (default: as many as processors).")
    var threads: Int?
    @Flag(help: "Use the finished and unfinished attacks of an earlier run with the same output directory.")
    var resume = false

    func validate() throws {
        guard (1...100).contains(seeds) else { throw ValidationError("--seeds must be from 1 to 100") }
        guard (0...1).contains(alpha) else { throw ValidationError("--alpha must be from 0 to 1") }
        guard (1...1000).contains(substituteEpochs), (1...256).contains(substituteWidth) else {
            throw ValidationError(
                "--substitute-epochs must be from 1 to 1000, --substitute-width from 1 to 256")
        }
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads must be from 1 to 1024")
        }
        _ = try (attackNames(), budgets())
    }

    func run() throws {
        try TrainSession.perform { stop in
            try evaluate(stop)
        }
    }

    private func evaluate(_ stop: StopFlag) throws {
        let printer = ProgressPrinter()
        let victim = try ClassifierDirectory(contentsOf: data.victim)
        let bundle = try ModelBundle(contentsOf: data.bundle)
        let image = victim.manifest.architecture.image
        guard image == bundle.manifest.image,
            victim.manifest.architecture.classes == bundle.manifest.classes
        else { throw ValidationError("\(data.bundle) was not fitted for a victim like \(data.victim)") }
        var plan = Evaluation.Plan(
            suite: suite.rawValue, attacks: try attackNames(), budgets: try budgets(),
            seeds: (1...UInt64(seeds)).map { $0 }, folder: output)
        plan.alpha = alpha
        plan.resumes = resume
        plan.windows = suite.windows
        var training = SubstituteTraining()
        training.epochs = substituteEpochs
        training.kind = .conv3(width: substituteWidth)
        let sources = try data.load(image: image, proxyCount: plan.budgets.max() ?? 1, training: training)
        printer.say(
            "\(sources.material.proxy.count) pictures from elsewhere, \(sources.test.count) test pictures")
        plan.outliers = try data.loadOutliers(image: image)
        let evaluation = Evaluation(
            plan: plan, data: sources, victim: victim.classifier, bundle: bundle,
            names: (data.victim, data.bundle),
            workspace: Workspace(threads: threads ?? Workspace.processorCount),
            stop: stop, show: printer.show)
        try tell(try evaluation.run())
    }

    private func tell(_ result: EvaluationResult) throws {
        let report = EvaluationReport(result)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        try FileBytes.replace(output + "/report.md", with: Array(report.markdown.utf8))
        try FileBytes.replace(output + "/report.json", with: Array(try encoder.encode(result)))
        print(report.markdown)
        print(try report.summaryLine(everyScore: suite != .quick))
    }

    private func attackNames() throws -> [String] {
        guard let attacks else { return suite.attacks }
        let names = attacks.split(separator: ",").map(String.init)
        guard !names.isEmpty else { throw ValidationError("--attacks names no attack") }
        for name in names where !AttackCatalogue.names.contains(name) {
            throw ValidationError(
                "“\(name)” is not an attack; there are \(AttackCatalogue.names.joined(separator: ", "))")
        }
        return names
    }

    private func budgets() throws -> [Int] {
        guard let budget else { return suite.budgets }
        let counts = budget.split(separator: ",").map { Int($0) ?? 0 }
        guard !counts.isEmpty, counts.allSatisfy({ (1...AttackSession.recordedMax).contains($0) }) else {
            throw ValidationError(
                "--budget takes numbers of queries from 1 to \(AttackSession.recordedMax), such as 1000,4000")
        }
        return counts
    }
}
