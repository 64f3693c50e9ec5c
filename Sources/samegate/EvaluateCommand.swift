import ArgumentParser
import Foundation
import Learning
import Observe
import RedTeam
import SAME
import Tensor

/// `samegate evaluate`: extraction attacks against a model, and how well each score sees them.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Run extraction attacks against a model, or a live gateway, and measure what comes of it.",
        discussion: """
            The attacks see nothing but questions and answers. Tables go to standard output and, with every figure, to \
            report.md, report.json and report.html in the output directory; the last line is one JSON object. Ctrl-C keeps \
            what was done; the same command with --resume goes on from it and comes to the same result.
            """)

    @Option(help: ArgumentHelp(EvaluateSuite.help, valueName: "name"))
    var suite: EvaluateSuite = .quick
    @OptionGroup(title: "The data") var data: EvaluateDataOptions
    @OptionGroup(title: "The models") var models: EvaluateModelOptions
    @OptionGroup(title: "A live gateway") var live: EvaluateLiveOptions
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
    @Option(help: "Pictures of the victim's own that JBDA and CloudLeak start from.")
    var attackSeeds = 200
    @Option(
        help: "JBDA's step, in values from -1 to 1: the paper's 0.1 is 0.05 of the way from black to white.")
    var jbdaStep: Float = 0.1
    @Option(help: "JBDA's rounds at most; each doubles its pictures.")
    var jbdaRounds = 6
    @Option(
        parsing: .unconditional,
        help:
            "jbda-ink steps pixels brighter than this, from -1 (black) to 1: the ink of a digit, the cloth of a garment."
    )
    var jbdaInkAbove: Float = -0.5
    @Option(help: "Quality of the pictures that jbda-jpeg sends.")
    var jpegQuality = 90
    @OptionGroup(title: "The thieves' own models") var substitutes: EvaluateSubstituteOptions
    @Option(
        name: [.customLong("output"), .customLong("out")],
        help: ArgumentHelp("Where reports and finished parts are put.", valueName: "directory"))
    var output = "evaluation"
    @Option(help: "Threads to compute with (default: as many as processors).")
    var threads: Int?
    @Flag(
        help: """
            Measure what else could stand beside the reconstruction: other divergences, temperatures, margins, percentiles \
            by class, several masks, an auxiliary model of labels. Part of ours and ours-mnist; minutes with small networks.
            """)
    var trials = false
    @Flag(help: "Use what an earlier run with the same output directory has finished or begun.")
    var resume = false

    func validate() throws {
        guard (1...100).contains(seeds) else { throw ValidationError("--seeds must be from 1 to 100") }
        guard (0...1).contains(alpha) else { throw ValidationError("--alpha must be from 0 to 1") }
        guard (2...100_000).contains(attackSeeds) else {
            throw ValidationError("--attack-seeds must be from 2 to 100000")
        }
        guard jbdaStep > 0, jbdaStep <= 2, (1...20).contains(jbdaRounds), (1...100).contains(jpegQuality)
        else {
            throw ValidationError(
                "--jbda-step must be above 0 and at most 2, --jbda-rounds from 1 to 20, --jpeg-quality from 1 to 100"
            )
        }
        guard jbdaInkAbove >= -1, jbdaInkAbove < 1 else {
            throw ValidationError("--jbda-ink-above must be from -1 to below 1")
        }
        try TrainSession.check(threads: threads)
        _ = try (attackNames(), budgets())
        try refuseIdleOptions()
    }

    /// What would be ignored is most often a slip: of `--url`, of the suite.
    private func refuseIdleOptions() throws {
        try data.refuseUnused(suite)
        if live.url == nil, !live.given.isEmpty {
            throw ValidationError("\(live.given.joined(separator: ", ")): only with --url")
        }
        let idle = models.idle(suite, isLive: live.url != nil)
        guard idle.isEmpty else {
            let place = live.url == nil ? "in suite \(suite.rawValue) with what else is given" : "with --url"
            throw ValidationError("\(idle.joined(separator: ", ")): without effect \(place)")
        }
        if live.url == nil, suite.attacks.isEmpty {
            try data.requireOutliers(suite)
            try IdleOptions.refuse(
                [
                    ("--attacks", attacks != nil), ("--budget", budget != nil),
                    ("--queries", !data.queries.isEmpty), ("--seeds", seeds != 1),
                ], "without effect in suite \(suite.rawValue), which attacks nothing")
        }
        if live.url == nil, let mismatch = models.mismatch(suite) { throw ValidationError(mismatch) }
        if live.url != nil { try refuseIdleLive() }
    }

    /// A gateway's score is its own, and its thieves are those that were chosen.
    private func refuseIdleLive() throws {
        guard !trials else {
            throw ValidationError("--trials needs the models; a gateway tells nothing of them")
        }
        guard seeds == 1, try budgets().count <= 1 else {
            throw ValidationError("with --url one seed and one --budget are run")
        }
        try IdleOptions.refuse(
            [("--alpha", alpha != 0.99)] + data.outliersOptions(suite), "without effect with --url")
        let steps = [
            ("--jbda-step", jbdaStep != 0.1), ("--jbda-rounds", jbdaRounds != 6),
        ]
        let names = try attackNames()
        let jacobian = AttackCatalogue.names.filter { $0.hasPrefix("jbda") }
        if !names.contains(where: jacobian.contains) {
            try IdleOptions.refuse(steps, "only with one of the attacks \(jacobian.joined(separator: ", "))")
        }
        if !names.contains("jbda-ink") {
            try IdleOptions.refuse(
                [("--jbda-ink-above", jbdaInkAbove != -0.5)], "only with the attack jbda-ink")
        }
        if !names.contains("jbda-jpeg") {
            try IdleOptions.refuse([("--jpeg-quality", jpegQuality != 90)], "only with the attack jbda-jpeg")
        }
    }

    func run() throws {
        try TrainSession.perform { stop in
            do {
                try evaluate(stop)
            } catch AttackError.oracle(let error) where error.mayPass {
                TrainSession.say(
                    "error: \(error)\nWhat was asked is kept; to go on:\n  \(TrainSession.commandToGoOn)")
                throw ExitCode.failure
            }
        }
    }

    private func evaluate(_ stop: StopFlag) throws {
        let printer = ProgressPrinter()
        if !resume {
            try OutputFolder.refuseOccupied(
                output, "--resume goes on from an earlier evaluation there, --output names another place")
        }
        let sources = try data.load(suite, proxyCount: try budgets().max() ?? 1)
        printer.say(
            "\(sources.own.count) pictures of the victim's own, \(sources.proxy.count) from elsewhere, \(sources.test.count)"
                + " for tests")
        guard !trials || sources.test.count >= Evaluation.trialPicturesMin else {
            throw ValidationError(
                "--trials needs at least \(Evaluation.trialPicturesMin) test pictures, there are \(sources.test.count)"
            )
        }
        let workspace = Workspace(threads: threads ?? Workspace.processorCount)
        if let url = live.url { return try evaluateLive(url, sources, workspace, stop, printer) }
        let maker = ModelMaker(
            store: try CellStore(folder: output, resumes: resume), workspace: workspace, stop: stop,
            program: TrainData.program, preprocessing: data.pictures.told, show: printer.show)
        let study = try models.study(suite, image: sources.test.shape, images: sources.own.count)
        let victim = try models.loadVictim(suite, sources, maker)
        let bundle = try models.loadBundle(suite, sources, victim.model, maker)
        var plan = try plan(sources)
        plan.outliers = sources.outliers
        plan.study = study
        let evaluation = Evaluation(
            plan: plan,
            data: try evaluationData(sources, victim: victim.model),
            victim: victim.model, bundle: bundle.model, names: (victim.name, bundle.name),
            workspace: workspace, stop: stop, show: printer.show)
        try tell(try evaluation.run())
    }

    private func evaluationData(
        _ sources: EvaluateDataOptions.Loaded, victim: Classifier?
    ) throws -> Evaluation.Data {
        var material = AttackMaterial(proxy: sources.proxy, own: sources.own)
        material.seedCount = attackSeeds
        (material.step, material.rounds, material.jpegQuality) = (jbdaStep, jbdaRounds, jpegQuality)
        material.inkAbove = jbdaInkAbove
        material.queries = sources.queries
        material.training = try substitutes.training(suite, victim: victim?.architecture)
        return Evaluation.Data(material: material, test: sources.test, testLabels: sources.testLabels)
    }

    /// Against a gateway that runs somewhere: the victim, where it is given, is only the reference of clean answers.
    private func evaluateLive(
        _ url: String, _ sources: EvaluateDataOptions.Loaded, _ workspace: Workspace, _ stop: StopFlag,
        _ printer: ProgressPrinter
    ) throws {
        let reference = try models.victim.map { try ClassifierDirectory(contentsOf: $0) }
        let classes = reference?.manifest.architecture.classes ?? sources.testLabels.classes
        let query = try live.query(sources.test.shape)
        var plan = LiveRedTeam.Plan(
            url: url, attacks: try attackNames(sources), budget: try budgets().first ?? 1000, folder: output)
        plan.honestCount = live.honest
        plan.resumes = resume
        plan.client = live.fingerprint
        let team = LiveRedTeam(
            plan: plan, data: try evaluationData(sources, victim: reference?.classifier), query: query,
            reference: reference?.classifier,
            workspace: workspace, stop: stop, show: printer.show
        ) {
            try live.connect(url, query, classes: classes, threads: workspace.threads, stop: stop)
        }
        var findings = LogReader.Findings()
        let decisions: LiveRedTeam.Decisions = { queries in
            let (known, met) = live.readDecisions(of: queries)
            findings = met
            return known
        }
        let result = try team.run(decisions: live.decisions.isEmpty ? nil : decisions)
        let report = LiveReport(result)
        try write(result, page: report.page.html, markdown: report.markdown)
        print(report.markdown)
        print(try report.summaryLine())
        if findings.malformed > 0 {
            TrainSession.say("--decisions: \(findings.malformed) of \(findings.lines) lines are no decisions")
        }
        for file in findings.damagedFiles {
            TrainSession.say("--decisions: \(file) ends inside its gzip stream; what was before is used")
        }
        if let missing = report.missingDecisions { TrainSession.say("--decisions: \(missing)") }
        for file in findings.unreadableFiles { TrainSession.say("error: --decisions \(file)") }
        if !findings.unreadableFiles.isEmpty { throw ExitCode.failure }
    }

    private func plan(_ sources: EvaluateDataOptions.Loaded) throws -> Evaluation.Plan {
        var plan = Evaluation.Plan(
            suite: suite.rawValue, attacks: try attackNames(sources), budgets: try budgets(),
            seeds: (1...UInt64(seeds)).map { $0 }, folder: output)
        plan.alpha = alpha
        plan.resumes = resume
        plan.windows = suite.windows
        plan.measures = suite.measures.union(trials ? [.trials] : [])
        return plan
    }

    private func tell(_ result: EvaluationResult) throws {
        let report = EvaluationReport(result)
        let page = report.page
        try write(result, page: page.html, markdown: page.markdown)
        print(page.markdown)
        print(try report.summaryLine(everyScore: suite != .quick))
    }

    private func write(_ result: some Encodable, page: String, markdown: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        try FileBytes.replace(output + "/report.md", with: Array(markdown.utf8))
        try FileBytes.replace(output + "/report.json", with: Array(try encoder.encode(result)))
        try FileBytes.replace(output + "/report.html", with: Array(page.utf8))
    }

    /// The attacks that are run. Of a suite's own, the bandit only where the proxy has classes to choose among.
    private func attackNames(_ sources: EvaluateDataOptions.Loaded? = nil) throws -> [String] {
        guard let attacks else {
            let hasClasses = sources?.proxy.labels != nil
            return suite.attacks.filter { $0 != "knockoff-adaptive" || hasClasses } + data.queryNames
        }
        let names = attacks.split(separator: ",").map(String.init)
        guard !names.isEmpty else { throw ValidationError("--attacks names no attack") }
        for name in names where !AttackCatalogue.names.contains(name) {
            throw ValidationError(
                "“\(name)” is not an attack; there are \(AttackCatalogue.names.joined(separator: ", "))")
        }
        if let name = Self.repeated(names) { throw ValidationError("--attacks names \(name) twice") }
        return names + data.queryNames
    }

    private func budgets() throws -> [Int] {
        guard let budget else { return suite.budgets }
        let counts = budget.split(separator: ",").map { Int($0) ?? 0 }
        guard !counts.isEmpty, counts.allSatisfy({ (1...AttackSession.recordedMax).contains($0) }) else {
            throw ValidationError(
                "--budget takes numbers of queries from 1 to \(AttackSession.recordedMax), such as 1000,4000")
        }
        if let count = Self.repeated(counts) { throw ValidationError("--budget has \(count) twice") }
        return counts
    }

    /// The first of the values that has come before.
    private static func repeated<Value: Hashable>(_ values: [Value]) -> Value? {
        var seen: Set<Value> = []
        return values.first { !seen.insert($0).inserted }
    }
}
