import Foundation
import SAME
import Tensor
import TestSupport
import Testing

@testable import RedTeam

@Suite("Trials of a second term")
struct TrialTests {
    private func bench() throws -> (TrialBench, ModelBundle, Classifier) {
        var generator = RandomGenerator(seed: 5)
        let bundle = try EvaluationTests.bundle()
        let victim = try Classifier(
            .mlp(image: bundle.manifest.image, classes: 4, hidden: 8), generator: &generator)
        let bench = TrialBench(
            bundle: bundle, victim: victim, labelled: nil, references: nil, workspace: Workspace(threads: 2))
        return (bench, bundle, victim)
    }

    /// The scorer's own terms, and definitions written out, are the oracle.
    @Test("what scores have as terms is measured alike, and divergences are what their definitions say")
    func measurements() throws {
        let (bench, bundle, victim) = try bench()
        let workspace = Workspace(threads: 1)
        let pictures = EvaluationTests.own(130, seed: 8).pictures(at: 0..<130)
        var steps: [Int] = []
        let rows = bench.rows(pictures) { steps.append($0) }
        #expect(steps == [128, 130])
        let answers = victim.probabilities(pictures, workspace: workspace)
        let guesses = bundle.auxiliary.probabilities(
            bundle.autoencoder.reconstruct(pictures, workspace: workspace), workspace: workspace)
        let networks = ScoringNetworks(
            bundle.autoencoder, bundle.auxiliary, maskedPass: MaskedPass(ratio: 0.5))
        for (index, examined) in Scorer.examine(pictures, by: networks, workspace: workspace).enumerated() {
            let terms = Scorer.terms(examined, answer: Array(answers.row(index)), classes: 4)
            let found = rows[index].measured
            func near(_ trial: Trial, _ value: Float?) {
                let (found, value) = (found[trial] ?? .nan, Double(value ?? .nan))
                #expect(abs(found - value) <= 1e-5 + 1e-4 * abs(value), "\(trial) \(found) \(value)")
            }
            #expect(abs(rows[index].loss - Double(terms.reconstruction)) < 1e-6)
            near(.deviation, terms.deviation)
            near(.doubt, terms.doubt)
            near(.energy, terms.energy)
            near(.hidden50, terms.maskedLoss)
            let (v, a) = (answers.row(index).map(Double.init), guesses.row(index).map(Double.init))
            let softened = { (p: [Double]) in
                p.map { $0.squareRoot() / p.reduce(0) { $0 + $1.squareRoot() } }
            }
            let (v2, a2) = (softened(v), softened(a))
            near(.softened, Float(zip(v2, a2).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) } / 4))
            near(.reversed, Float(zip(a, v).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) } / 4))
            near(.squared, Float(zip(v, a).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }))
            let sorted = v.sorted(by: >)
            near(.victimMargin, Float(log(sorted[1] / sorted[0])))
            #expect(rows[index].answered == v.firstIndex(of: sorted[0]))
        }
        #expect(rows.allSatisfy { $0.measured[.labelled] == nil && $0.measured[.neighbour] == nil })
        #expect(rows.allSatisfy { ($0.measured[.unsteadiness] ?? 0) > 0 })
        let painted = bundle.autoencoder.reconstruct(pictures, workspace: workspace)
        let architecture = bundle.autoencoder.architecture
        for (index, seed) in MaskSecret(seed: 0).seeds(pictures, architecture.image).enumerated() {
            // Of sixteen patches of 4×4, the ones that are not finished and the means of the others.
            let others = Set(MaskedPass(ratio: 0.25).visible(architecture, seed: seed))
            #expect(others.count == 12)
            let means = Set(0..<16).subtracting(others).map { patch in
                let pixels = (0..<16).map { (patch / 4 * 4 + $0 / 4) * 16 + patch % 4 * 4 + $0 % 4 }
                return pixels.reduce(0) { sum, pixel in
                    let at = index * 256 + pixel
                    return sum + pow(Double(pictures.values[at]) - Double(painted.values[at]), 2) / 16
                }
            }
            let found = rows[index].measured[.lossOfQuarter] ?? .nan
            #expect(abs(found - means.reduce(0, +) / 4) < 1e-6 * max(1, found))
        }
        let again = TrialBench(
            bundle: bundle, victim: victim, labelled: nil, references: nil, workspace: workspace)
        #expect(again.rows(pictures) { _ in } == rows, "masks and results do not depend on the threads")
    }

    /// Two classes whose honest deviations lie around 1 and around 10.
    private func honest(_ count: Int) -> [TrialMeasure.Query] {
        var generator = RandomGenerator(seed: 4)
        return (0..<count).map { _ in
            let answered = generator.integer(below: 2)
            let deviation = (answered == 0 ? 1 : 10) + 0.1 * generator.normal()
            return .init(
                row: TrialRow(
                    loss: abs(generator.normal()), answered: answered,
                    measured: [.deviation: deviation, .doubt: generator.uniform()]),
                ours: abs(generator.normal()))
        }
    }

    @Test("a percentile within the class sees what is strange there alone, and nothing else gains from it")
    func percentilesOfClasses() throws {
        let measure = try TrialMeasure(honest: honest(2000))
        // As far off as the other class's pictures are: usual among all, strange in its own class.
        let attack = honest(300).map { query in
            var query = query
            (query.row.answered, query.row.measured[.deviation]) = (0, 9.5)
            return query
        }
        let entries = measure.entries(.init(attack: "test", budget: 300, seed: 1), attack: attack)
        func entry(_ trial: Trial) throws -> TrialEntry { try #require(entries.first { $0.trial == trial }) }
        #expect(try abs((entry(.deviation).alone ?? 0) - 0.5) < 0.05)
        #expect(try (entry(.deviationOfClass).alone ?? 0) > 0.999)
        let nothing = try entry(.nothing)
        #expect(nothing.alone == nil && abs((nothing.besideOurs ?? 0) - 0.5) < 0.05)
        #expect(try (entry(.deviationOfClass).besideOurs ?? 0) > 0.99)
        #expect(try (entry(.deviationOfClass).besideLoss ?? 0) > 0.99)
        #expect(try abs((entry(.doubt).besideOurs ?? 0) - 0.5) < 0.05)
        #expect(!entries.contains { $0.trial == .masked50 || $0.trial == .labelled }, "not measured here")
    }

    @Test("too few honest queries to calibrate on are refused")
    func tooFew() {
        #expect(throws: CalibrationError.self) { try TrialMeasure(honest: honest(150)) }
    }

    @Test("features are compared with some images of every class, also where the images come class by class")
    func everyClass() {
        let indices = Array(0..<50_000)
        let chosen = Evaluation.compared(500, of: indices)
        #expect(chosen.count == 500 && Set(chosen).count == 500 && Set(chosen).isSubset(of: indices))
        for kind in 0..<10 { #expect(chosen.count { $0 / 5000 == kind } > 20, "class \(kind)") }
        #expect(chosen == Evaluation.compared(500, of: indices))
        #expect(Evaluation.compared(5, of: [4, 2]) == [4, 2])
    }

    @Test("an evaluation measures every trial on every attack and reports it, labels as targets too")
    func whole() throws {
        let folder = try ScratchFolder()
        let result = try EvaluationTests.evaluation(
            folder.path, attacks: ["knockoff"], measures: [.trials], labelled: true
        ).run()
        #expect(result.trials.count == Trial.allCases.count * 2)
        #expect(Set(result.trials.map(\.trial)) == Set(Trial.allCases))
        #expect(
            result.trials.allSatisfy {
                ($0.alone != nil) == ($0.trial != .nothing) && $0.besideLoss != nil && $0.besideOurs != nil
            })
        let report = EvaluationReport(result).markdown
        #expect(report.contains("Trials of a second term") && report.contains(Trial.labelled.rawValue))
        let kept = try FileManager.default.contentsOfDirectory(atPath: folder.file("models"))
        #expect(kept.count == 1 && kept[0].hasPrefix("labelled-"), "no checkpoint is left")
    }
}
