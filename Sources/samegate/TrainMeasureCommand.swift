import ArgumentParser
import Foundation
import Learning
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
    @Option(help: "Benign images that trained neither: an IDX, npy or CIFAR file, a folder or a tar.")
    var images: String
    @OptionGroup var pictures: ConversionOptions
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

    func validate() throws {
        guard count >= 1 else { throw ValidationError("--count must be at least 1") }
        try TrainSession.check(threads: threads)
    }

    func run() throws {
        do {
            try measure()
        } catch {
            throw TrainSession.plain(error)
        }
    }

    private func measure() throws {
        if let scores { try FileBytes.checkPlace(scores) }
        let scorer = try ModelBundle(contentsOf: bundle)
        let victim = try ClassifierDirectory(contentsOf: model)
        let (image, classes) = (scorer.manifest.image, scorer.manifest.classes)
        let answers = victim.manifest.architecture
        guard answers.image == image, answers.classes == classes else {
            throw ValidationError(
                "\(bundle) is for \(image) and \(classes) classes, \(model) for \(answers.image) and \(answers.classes)"
            )
        }
        let path = images
        let images = try TrainData.images(path, conversion: try pictures.checkedConversion(of: path))
        guard images.shape == image else {
            throw DataError.wrongShape(path: path, found: images.shape, expected: image)
        }
        // A path that cannot be read is said at once.
        let elsewhere = try foreign.map {
            (name: $0, images: try EvaluateData.elsewhere($0, image, count: count, seed: seed).images)
        }
        let bench = try MeasureBench(
            scorer, victim: victim.classifier, threads: threads ?? Workspace.processorCount)
        let benign = images.canonical(0..<min(count, images.count), range: .signed)
        let benignScores = bench.scores(benign, "benign")
        Self.say(allowed(benignScores))
        let columns = MeasureBench.Columns(of: benignScores)
        var lines = [(["kind"] + columns.names).joined(separator: "\t")]
        lines += Self.lines("benign", benignScores, columns)
        let kinds = kinds(benign, images.shape, bench, elsewhere)
        let width = 2 + (kinds.map(\.name.count).max() ?? 0)
        func row(_ label: String, _ figures: String) {
            Self.say(label.padding(toLength: width, withPad: " ", startingAt: 0) + figures)
        }
        row("AUROC / FPR95 in %", columns.header)
        for (name, make) in kinds {
            let attack = bench.scores(make(), name)
            lines += Self.lines(name, attack, columns)
            row(name, columns.row(attack: attack, benign: benignScores))
        }
        if let scores { try FileBytes.replace(scores, with: Array(lines.joined(separator: "\n").utf8)) }
    }

    /// Every kind of query by name, made when its turn comes.
    private func kinds(
        _ benign: Tensor, _ shape: ImageShape, _ bench: MeasureBench,
        _ elsewhere: [(name: String, images: ImageSet)]
    ) -> [(name: String, make: () -> Tensor)] {
        var kinds: [(name: String, make: () -> Tensor)] = [
            ("uniform noise", { SimpleQueries.uniformNoise(count: benign.rows, image: shape, seed: seed) })
        ]
        for (name, step) in [
            ("sign-gradient, 0.1 of [-1,1]", Float(0.1)), ("sign-gradient, 0.1 of [0,1]", 0.2),
        ] {
            kinds.append((name, { bench.stepped(benign, by: step, name) }))
            // One step away from the class that the victim gives it: the opposite of JBDA's.
            kinds.append((name + ", adversarial", { bench.stepped(benign, by: -step, name) }))
        }
        return kinds
            + elsewhere.map { name, images in
                (name, { images.canonical(0..<min(count, images.count), range: .signed) })
            }
    }

    /// Prints a line at once: whoever waits for the next one should see this one, in a file too.
    private static func say(_ line: String) {
        print(line)
        fflush(nil)
    }

    private static func lines(
        _ kind: String, _ scores: [AnomalyScore], _ columns: MeasureBench.Columns
    ) -> [String] {
        scores.map { score in
            ([kind] + columns.values(score).map { $0?.description ?? "" }).joined(separator: "\t")
        }
    }

    private func allowed(_ scores: [AnomalyScore]) -> String {
        let shares = [95.0, 97, 99, 99.9].map { percentile in
            let share = Double(scores.count { $0.percentile > percentile }) / Double(max(scores.count, 1))
            return "p\(percentile) \(String(format: "%.2f", 100 * share)) %"
        }
        return "benign above  " + shares.joined(separator: "  ")
    }
}
