import ArgumentParser
import Foundation
import Learning
import Neural
import RedTeam
import SAME
import Tensor

/// `samegate measure`: how well a bundle tells attack queries from benign ones, without a gateway in between.
struct TrainMeasureCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Measure a bundle on benign images, noise, perturbations and images from elsewhere.")

    @Option(help: ArgumentHelp("The bundle.", valueName: "directory"))
    var bundle: String
    @Option(help: ArgumentHelp("The victim's model directory.", valueName: "directory"))
    var model: String
    @Option(help: "Benign images that trained neither: an IDX file or a folder.")
    var images: String
    @Option(
        help: ArgumentHelp(
            "Images from elsewhere, of the same shape; may be given several times.", valueName: "path"))
    var foreign: [String] = []
    @Option(help: ArgumentHelp("Where to write every query's terms (tab-separated).", valueName: "file"))
    var scores: String?
    @Option(help: "At most this many images of each kind.")
    var count = 10_000
    @Option(help: "Where the noise comes from.")
    var seed: UInt64 = 7
    @Option(help: "Threads to compute with (default: as many as processors).")
    var threads: Int?

    func run() throws {
        do {
            try measure()
        } catch {
            throw TrainSession.plain(error)
        }
    }

    private func measure() throws {
        let bench = MeasureBench(
            scorer: Scorer(try ModelBundle(contentsOf: bundle)),
            victim: try ClassifierDirectory(contentsOf: model).classifier,
            workspace: Workspace(threads: max(1, threads ?? Workspace.processorCount)))
        let images = try TrainData.images(images)
        let benign = images.canonical(0..<min(count, images.count), range: .signed)
        let benignScores = bench.scores(benign)
        print(allowed(benignScores))
        var lines = ["kind\treconstruction\tdeviation\tdoubt\tscore"] + Self.lines("benign", benignScores)
        var kinds = [
            ("uniform noise", SimpleQueries.uniformNoise(count: benign.rows, image: images.shape, seed: seed))
        ]
        for (name, step) in [
            ("sign-gradient, 0.1 of [-1,1]", Float(0.1)), ("sign-gradient, 0.1 of [0,1]", 0.2),
        ] {
            kinds.append((name, SimpleQueries.signGradient(benign, model: bench.victim, step: step)))
            kinds.append((name + ", adversarial", bench.adversarial(benign, step: step)))
        }
        kinds += try foreign.map { ($0, try elsewhere($0, images.shape)) }
        print("AUROC / FPR95 in %".padding(toLength: 38, withPad: " ", startingAt: 0) + MeasureBench.header)
        for (name, queries) in kinds {
            let label = name.padding(toLength: 38, withPad: " ", startingAt: 0)
            let attack = bench.scores(queries)
            lines += Self.lines(name, attack)
            print(label + bench.row(attack: attack, benign: benignScores))
        }
        if let scores { try FileBytes.replace(scores, with: Array(lines.joined(separator: "\n").utf8)) }
    }

    private static func lines(_ kind: String, _ scores: [AnomalyScore]) -> [String] {
        scores.map { score in
            let terms = [
                score.values.reconstruction, score.values.deviation ?? .nan, score.values.doubt ?? .nan,
            ]
            return ([kind] + terms.map(\.description) + [score.raw.description]).joined(separator: "\t")
        }
    }

    /// The images of an IDX file, or every picture under a folder.
    private func elsewhere(_ path: String, _ shape: ImageShape) throws -> Tensor {
        if IDXFile.isNamedSo(path) {
            let set = try ImageSet(idx: path)
            guard set.shape == shape else {
                throw DataError.wrongShape(path: path, found: set.shape, expected: shape)
            }
            return set.canonical(0..<min(count, set.count), range: .signed)
        }
        let pictures = ForeignPictures(folders: [path], count: count, image: shape, seed: seed)
        guard !pictures.files.isEmpty else { throw DataError.noImages(path: path) }
        return pictures.values
    }

    private func allowed(_ scores: [AnomalyScore]) -> String {
        let shares = [95.0, 97, 99, 99.9].map { percentile in
            let share = Double(scores.count { $0.percentile > percentile }) / Double(max(scores.count, 1))
            return "p\(percentile) \(String(format: "%.2f", 100 * share)) %"
        }
        return "benign above  " + shares.joined(separator: "  ")
    }
}

/// The victim and the scorer, side by side.
struct MeasureBench {
    let scorer: Scorer
    let victim: Classifier
    let workspace: Workspace

    /// The score, then each term.
    static let columns: [(name: String, value: @Sendable (AnomalyScore) -> Double)] =
        [("score", { $0.raw })]
        + ScoreTerm.allCases.map { term in (term.rawValue, { Double($0.values[term] ?? 0) }) }

    static var header: String {
        columns.map { $0.name.padding(toLength: 16, withPad: " ", startingAt: 0) }.joined()
    }

    /// The score of each query, with the victim's answer to it.
    func scores(_ queries: Tensor) -> [AnomalyScore] {
        let examined = scorer.examine(queries, workspace: workspace)
        return (0..<queries.rows).map { row in
            let answer = victim.probabilities(queries.rows(row..<row + 1), workspace: workspace).values
            return scorer.assess(examined[row], answer: answer)
        }
    }

    /// Each query after one step away from the class that the victim gives it: the opposite of JBDA's.
    func adversarial(_ queries: Tensor, step: Float) -> Tensor {
        SimpleQueries.signGradient(queries, model: victim, step: -step)
    }

    /// The metrics of each column of the table.
    func row(attack: [AnomalyScore], benign: [AnomalyScore]) -> String {
        Self.columns.map { column in
            let metrics = DetectionMetrics(attack: attack.map(column.value), benign: benign.map(column.value))
            let text = metrics.map { String(format: "%.2f/%.2f", 100 * $0.auroc, 100 * $0.fpr95) } ?? "-"
            return text.padding(toLength: 16, withPad: " ", startingAt: 0)
        }.joined()
    }
}
