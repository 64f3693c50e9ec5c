import Foundation
import Learning
import SAME
import Tensor
import TestSupport
import Testing

@testable import RedTeam

@Suite("Evaluation")
struct EvaluationTests {
    static func bundle(terms: [ScoreTerm] = Calibration.defaultTerms) throws -> ModelBundle {
        var generator = RandomGenerator(seed: 1)
        let image = ImageShape(channels: 1, height: 16, width: 16)
        let autoencoder = try MaskedAutoencoder(
            MaskedAutoencoderArchitecture(
                image: image, patch: 4, embedding: 8, encoderDepth: 1, encoderHeads: 2, decoderDepth: 1,
                decoderHeads: 2), generator: &generator)
        let auxiliary = try Classifier(.mlp(image: image, classes: 4, hidden: 8), generator: &generator)
        let pictures = own(200).pictures(at: 0..<200)
        let networks = ScoringNetworks(autoencoder, auxiliary)
        let sample = Scorer.examine(pictures, by: networks, workspace: Workspace()).map {
            Scorer.terms($0, answer: [0.7, 0.1, 0.1, 0.1], classes: 4)
        }
        let manifest = BundleManifest(
            image: image, range: .signed, classes: 4, autoencoder: autoencoder.architecture,
            auxiliary: auxiliary.architecture, calibration: try Calibration(sample: sample, terms: terms),
            provenance: Provenance(
                program: "test", imagesDigest: "", imageCount: 0, trainingCount: 0, targetsDigest: "",
                seed: 1,
                options: [:], results: [:]))
        return ModelBundle(manifest: manifest, autoencoder: autoencoder, auxiliary: auxiliary)
    }

    /// Flat grey pictures with a brighter corner; elsewhere pictures are noise.
    static func own(_ count: Int, seed: UInt64 = 3) -> PicturePool {
        var generator = RandomGenerator(seed: seed)
        let image = ImageShape(channels: 1, height: 16, width: 16)
        let bytes = (0..<count).flatMap { _ in
            (0..<256).map { UInt8(($0 < 40 ? 150 : 118) + generator.integer(below: 20)) }
        }
        return PicturePool(images: ImageSet(shape: image, bytes: bytes))
    }

    static func evaluation(
        _ folder: String, resumes: Bool = false, attacks: [String] = ["jbda", "knockoff", "dfme"],
        measures: Set<Evaluation.Measure> = Set(Evaluation.Measure.allCases), stop: StopFlag = StopFlag(),
        own count: Int = 80, labelled: Bool = false, queries: [String: PicturePool] = [:],
        study: TrainingStudy? = nil,
        show: @escaping (TrainingProgress) -> Void = { _ in }
    ) throws -> Evaluation {
        var generator = RandomGenerator(seed: 5)
        let bundle = try bundle()
        let image = bundle.manifest.image
        let noise = SimpleQueries.uniformNoise(count: 60, image: image, seed: 1)
        let images = own(count).images
        let labels = labelled ? Labels(values: (0..<count).map { $0 % 4 }, classes: 4) : nil
        var material = AttackMaterial(
            proxy: PicturePool(noise, shape: image), own: PicturePool(images: images, labels: labels))
        material.seedCount = 10
        material.queries = queries
        material.training.kind = .mlp(hidden: 8)
        material.training.epochs = 1
        var plan = Evaluation.Plan(
            suite: "test", attacks: attacks, budgets: [40], seeds: [1, 2], folder: folder)
        plan.windows = [AccountTrial(window: 8), AccountTrial(window: 8, accounts: 2)]
        plan.components = 4
        plan.measures = measures
        plan.honestWindows = 40
        plan.resumes = resumes
        plan.study = study
        return Evaluation(
            plan: plan,
            data: .init(
                material: material, test: own(400, seed: 9).images,
                testLabels: Labels(values: (0..<400).map { $0 % 4 }, classes: 4)),
            victim: try Classifier(.mlp(image: image, classes: 4, hidden: 8), generator: &generator),
            bundle: bundle, names: ("victim", "bundle"), workspace: Workspace(threads: 2), stop: stop,
            show: show)
    }

    @Test("every attack, seed and score has its figures, and the trivial scores see noise for what it is")
    func figures() throws {
        let folder = try ScratchFolder()
        let result = try Self.evaluation(folder.path).run()
        // JBDA twice: with its seeds and without.
        #expect(result.windows.allSatisfy { ($0.caught != nil) == ($0.measure == .meanSurprise) })
        #expect(result.cells.count == 4 * 2 * ScoreKind.untrained.count)
        #expect(result.runs.count == 6 && result.windows.count == 6 * (3 + 1))
        #expect(result.runs.allSatisfy { $0.asked == 40 && $0.accuracy != nil && $0.fidelity != nil })
        for score in [ScoreKind.pixels, .pca] {
            let cells = result.cells.filter { $0.attack == "knockoff" && $0.score == score }
            #expect(cells.allSatisfy { $0.auroc == 1 && $0.fpr95 == 0 })
        }
        let part = result.part
        #expect(part.curves.count == 3 * 2 * ScoreKind.untrained.count)
        #expect(part.histograms.allSatisfy { abs($0.shares.reduce(0, +) - 1) < 1e-9 })
        #expect(
            Set(part.ablation.map(\.variant)).isSuperset(of: [
                "all terms", "only deviation", "without excess", "with doubt",
            ]))
        #expect(Set(part.pictures.map(\.attack)) == ["honest", "jbda", "knockoff", "dfme"])
        #expect(result.calibration.count == CalibrationPoint.nominalRates.count && result.costs.count == 1)
        #expect(Set(result.honestAccounts.map(\.account)) == Set(HonestAccounts.Kind.allCases))
        #expect(result.cells.allSatisfy { (0...1).contains($0.auroc) && (0...1).contains($0.fpr95) })
    }

    @Test("interrupted and resumed, it comes to the same figures and runs nothing finished again")
    func resumes() throws {
        let folder = try ScratchFolder()
        let other = try ScratchFolder()
        let stop = StopFlag()
        let interrupted = try Self.evaluation(folder.path, stop: stop) { progress in
            if progress.phase.hasPrefix("knockoff"), progress.done > 0 { stop.raise() }
        }
        #expect(throws: AttackError.self) { try interrupted.run() }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("traces")).sorted()
        #expect(names == ["jbda-40-1.safetensors", "knockoff-40-1.safetensors.unfinished"])
        var phases: Set<String> = []
        let resumed = try Self.evaluation(folder.path, resumes: true) { phases.insert($0.phase) }.run()
        #expect(!phases.contains { $0.hasPrefix("jbda 40 seed 1") })
        let whole = try Self.evaluation(other.path).run()
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        #expect(try encoder.encode(resumed) == encoder.encode(whole), "to the last bit")
        var asked = 0
        let third = try Self.evaluation(folder.path, resumes: true) { _ in asked += 1 }.run()
        #expect(asked == 0, "everything is finished")
        #expect(try encoder.encode(third) == encoder.encode(whole))
        let again = try FileManager.default.contentsOfDirectory(atPath: folder.file("traces"))
        #expect(again.count == 6 && !again.contains { $0.hasSuffix(".unfinished") })
    }

    @Test("a name that is no attack is refused; every name of the catalogue has an attack of that name")
    func names() throws {
        let folder = try ScratchFolder()
        #expect(throws: AttackError.self) { try Self.evaluation(folder.path, attacks: ["nonsense"]).run() }
        let pool = Self.own(20)
        for name in AttackCatalogue.names {
            let attack = AttackCatalogue.attack(
                named: name, material: AttackMaterial(proxy: pool, own: pool), budget: 1000, seed: 1)
            #expect(attack?.name == name)
        }
    }

    @Test(
        "further pictures are asked about under their own name, and their trace is not taken for that of others"
    )
    func queries() throws {
        let folder = try ScratchFolder()
        let image = ImageShape(channels: 1, height: 16, width: 16)
        let evaluation = { (seed: UInt64) in
            let near = PicturePool(
                SimpleQueries.uniformNoise(count: 60, image: image, seed: seed), shape: image)
            return try Self.evaluation(
                folder.path, resumes: true, attacks: ["near-digits"], measures: [],
                queries: ["near-digits": near])
        }
        let first = try evaluation(1).run()
        #expect(first.cells.allSatisfy { $0.attack == "near-digits" } && first.runs.count == 2)
        #expect(first.cells.first { $0.score == .pixels }?.auroc == 1)
        #expect(try evaluation(1).run().cells == first.cells)
        #expect(try evaluation(2).run().cells != first.cells)
    }

    /// A bundle that is fitted in no time.
    static var quickFit: FitOptions {
        var options = FitOptions(.small)
        options.terms = Calibration.defaultTerms
        options.auxiliary = .mlp(hidden: 8)
        options.auxiliarySchedule.epochs = 1
        options.holdout = 100
        options.autoencoder.embedding = 8
        options.autoencoder.encoderDepth = 1
        options.autoencoder.heads = 2
        return options
    }

    @Test("figures 6 and 7 fit a bundle for each point and measure honest pictures and every attack by it")
    func studies() throws {
        let folder = try ScratchFolder()
        let options = Self.quickFit
        var points: [TrainingStudy.Point] = []
        for (axis, value) in [("epochs", 1), ("epochs", 4), ("embedding size", 4), ("embedding size", 16)] {
            var options = options
            options.autoencoder.schedule.epochs = axis == "epochs" ? value : 2
            options.autoencoder.schedule.warmupEpochs = 0.25
            if axis != "epochs" { options.autoencoder.embedding = value }
            points.append(.init(axis: axis, value: Double(value), options: options))
        }
        let result = try Self.evaluation(
            folder.path, attacks: ["knockoff"], measures: [], own: 200,
            study: TrainingStudy(points: points, program: "test")
        ).run()
        let honest = result.training.filter { $0.attack == RunHistogram.honest }
        #expect(honest.map(\.value) == [1, 4, 4, 16] && honest.map(\.axis) == points.map(\.axis))
        let thieves = result.training.filter { $0.attack == "knockoff" }
        #expect(thieves.count == 4 * 2 && thieves.allSatisfy { ($0.auroc ?? 0) > 0.9 && $0.fpr95 != nil })
        // Noise is reconstructed worse than what the autoencoder has seen, and more training makes the latter better.
        for point in honest {
            let own = thieves.filter { $0.axis == point.axis && $0.value == point.value }
            #expect(own.allSatisfy { $0.loss > point.loss })
        }
        #expect(honest[1].loss < honest[0].loss)
        let report = EvaluationReport(result).markdown
        #expect(report.contains("embedding size") && report.contains("epochs"))
        let kept = try FileManager.default.contentsOfDirectory(atPath: folder.file("models"))
        #expect(kept.count { $0.hasSuffix(".bundle") } == 4)
    }

    // MARK: Report

    private func result() throws -> EvaluationResult {
        var result = EvaluationResult(
            suite: "test", victim: "v", bundle: "b", alpha: 0.99, victimAccuracy: 0.9,
            falsePositivesAtOnePercent: 0.011, benignCount: 10_000, prada: PRADA())
        for (seed, scores) in [(UInt64(1), [3.0, 4]), (2, [0.0, 4])] {
            let key = EvaluationResult.RunKey(attack: "jbda", budget: 1000, seed: seed)
            let metrics = try #require(DetectionMetrics(attack: scores, benign: [1, 2]))
            result.cells.append(
                .init(key, attack: "jbda", score: .ours, metrics: metrics, positives: 2, negatives: 2))
            let summary = AttackTrace.Summary(
                attack: "jbda", options: [:], seed: seed, budget: 1000, asked: 1000, architecture: nil,
                accuracy: 0.5, fidelity: 0.25)
            result.runs.append(.init(key, summary, PRADA()))
        }
        return result
    }

    /// Two seeds with AUROC 1 and ½: mean 0.75, standard deviation √(2·0.25²) = 0.35355.
    @Test("figures are means over the seeds, with the sample's standard deviation")
    func means() throws {
        let report = EvaluationReport(try result())
        #expect(report.markdown.contains("75.00 ± 35.36"))
        #expect(report.markdown.contains("| jbda | 1000 | 50.00 ± 0.00 | 25.00 ± 0.00 |"))
        #expect(report.markdown.contains("1.10 % of 10000"))
    }

    @Test("where an attack came to its end before its budget, headings have what was asked")
    func asked() throws {
        var result = try result()
        result.runs[0].asked = 100
        #expect(EvaluationReport(result).markdown.contains("## Scores at 100 to 1000 of 1000 queries"))
        result.runs[1].asked = 100
        let text = EvaluationReport(result).markdown
        #expect(text.contains("## Scores at 100 of 1000 queries"))
        #expect(!text.contains("at 1000 queries"))
    }

    @Test("Table 3 says what it leaves out for want of outliers, and how to add it")
    func leftOut() throws {
        var result = try result()
        result.costs = [CostEntry(defence: "SAME", accuracy: 0.9, seconds: nil)]
        #expect(EvaluationReport(result).markdown.contains("are left out: --outliers PATH adds them"))
        result.costs.append(CostEntry(defence: "OE", accuracy: 0.9, seconds: 3))
        #expect(!EvaluationReport(result).markdown.contains("left out"))
    }

    @Test("options that differ between budgets have a row each, others one")
    func options() throws {
        var result = try result()
        result.runs = []
        for (attack, budget, batch) in [
            ("dfme", 1000, 17), ("dfme", 4000, 71), ("maze", 1000, 4), ("maze", 4000, 4),
        ] {
            let summary = AttackTrace.Summary(
                attack: attack, options: ["batch": "\(batch)", "material": "x"], seed: 1, budget: budget,
                asked: budget, architecture: nil)
            result.runs.append(.init(.init(attack: attack, budget: budget, seed: 1), summary, PRADA()))
        }
        let text = EvaluationReport(result).markdown
        #expect(text.contains("| dfme, 1000 queries | batch 17 |"))
        #expect(text.contains("| dfme, 4000 queries | batch 71 |"))
        #expect(text.contains("| maze | batch 4 |") && !text.contains("maze, 1000"))
    }

    @Test("where there are fewer test pictures than queries, the report says how many")
    func fewerPictures() throws {
        let rows = (0..<1200).map {
            ScoreBench.Row(
                surprise: Double($0), scores: [.ours: Double($0)], terms: TermValues(reconstruction: 0),
                features: [])
        }
        var result = try result()
        for (count, isTold) in [(1000, false), (1001, true)] {
            let measures = RunMeasures(
                key: .init(attack: "jbda", budget: 1000, seed: 1), attack: Array(rows.prefix(count)),
                benign: Array(rows.prefix(1000)), kinds: [.ours])
            result.cells = measures.cells(measures.attack, named: "jbda")
            #expect(result.cells.map(\.positives) == [count] && result.cells.map(\.negatives) == [1000])
            let text = EvaluationReport(result).markdown
            #expect(text.contains("those of jbda are held against 1000.") == isTold)
        }
    }

    @Test("the last line is the documented object; with several scores it is nested by budget and score")
    func lastLine() throws {
        let report = EvaluationReport(try result())
        #expect(
            try report.summaryLine(everyScore: false)
                == #"{"auroc":{"jbda":0.75},"fpr95":{"jbda":0.5},"fpr_at_nominal_1pct":0.011}"#)
        let nested = try #require(
            JSONSerialization.jsonObject(with: Data(try report.summaryLine(everyScore: true).utf8))
                as? [String: Any])
        let budgets = try #require(nested["budgets"] as? [String: [String: [String: [String: Double]]]])
        #expect(budgets["1000"]?["ours"]?["auroc"]?["jbda"] == 0.75)
        #expect(nested["fpr_at_nominal_1pct"] as? Double == 0.011)
    }
}
