import ArgumentParser
import Foundation
import Learning
import Query
import SAME
import Tensor

/// `samegate fit`: a bundle from training images and a black-box victim.
struct FitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fit",
        abstract: "Train and calibrate a scorer from training images and the victim's answers.",
        discussion: """
            The victim is asked as a black box (--victim URL) or its recorded answers are read (--answers FILE). \
            Ctrl-C leaves a checkpoint; the same command with --resume goes on to the same result.
            """)

    @Option(help: TrainData.imagesHelp)
    var images: String
    @OptionGroup var pictures: ConversionOptions
    @Option(help: ArgumentHelp("The bundle directory to write.", valueName: "directory"))
    var output: String
    @OptionGroup var replacement: ReplaceOptions
    @Option(
        help: ArgumentHelp(
            "Go on from this bundle: its networks stay (its perturbation detector unless its steps or width "
                + "are given), what it lacks is trained, and the score is calibrated anew. The images, --seed and "
                + "--holdout must be those it was fitted with.",
            valueName: "directory"))
    var from: String?
    @OptionGroup(title: "The victim") var victim: FitVictimOptions
    @OptionGroup(title: "The models") var models: FitModelOptions
    @OptionGroup(title: "The run") var session: TrainSession

    func run() throws {
        try TrainSession.perform { stop in try await fit(stop) }
    }

    private func fit(_ stop: StopFlag) async throws {
        // Whatever can be refused is refused before the victim is asked, which may cost, and before hours of training.
        let replacing = session.replaces(output, replacement)
        try ModelBundle.refuseOccupied(output, replacing: replacing)
        let base = try from.map { try ModelBundle(contentsOf: $0) }
        var options = try models.options(from: base)
        if victim.tellsLabelsAlone { options.terms = try options.combination.answerless(options.terms) }
        let printer = ProgressPrinter()
        let images = try TrainData.images(images, conversion: try pictures.checkedConversion(of: images))
        printer.say("\(images.count) images of \(images.shape)")
        if base == nil, models.patch == nil { options.adapt(to: images.shape) }
        if models.holdout == nil {
            let usual = FitOptions.usualHoldout(of: images.count)
            options.holdout = usual.holdout
            if let notice = usual.notice { printer.say(notice) }
        }
        try Fit.validate(options, for: images, from: base)
        let run = try session.makeRun(output: output, stop: stop, printer: printer)
        let answers = try await victim.answers(to: images, run: run)
        let fit = try Fit(
            images: images, answers: answers, options: options, program: TrainData.program, run: run,
            from: base,
            retrainsDetector: models.perturbationSteps != nil || models.perturbationWidth != nil)
        var bundle = try fit.makeBundle().measuringPrecisions(
            images, at: fit.split.heldOut, answers, workspace: run.workspace)
        var manifest = bundle.manifest
        manifest.provenance.options["images"] = pictures.told ?? manifest.provenance.options["images"]
        bundle = bundle.with(manifest)
        try bundle.write(to: output, replacing: replacing)
        run.discardCheckpoints()
        print(Self.summary(bundle, output))
        if let warning = manifest.scarcityWarning(option: "--holdout") { run.say(warning) }
    }

    /// What the bundle says a benign query scores.
    static func summary(_ bundle: ModelBundle, _ path: String) -> String {
        let calibration = bundle.manifest.calibration
        let results = bundle.manifest.provenance.results
        var lines = [
            "bundle written to \(path)",
            "benign scores, from \(calibration.full.sampleCount) held-out images:",
        ]
        for percentile in [50.0, 90, 95, 97, 99, 99.5, 99.9] {
            let terms = calibration.terms.map { entry in
                let value = entry.tail.value(surprise: AnomalyScore.surprise(percentile: percentile))
                return "\(entry.term.rawValue) \(String(format: "%.6f", value))"
            }
            let score = String(format: "%.4f", calibration.threshold(percentile: percentile))
            lines.append("  p\(percentile)  score \(score)  \(terms.joined(separator: "  "))")
        }
        if let agreement = results["held_out_agreement"] {
            lines.append(
                "auxiliary model and victim agree on \(String(format: "%.1f", 100 * agreement)) % of them")
        }
        if let share = results["reencoded_above_p99"] {
            lines.append(
                "re-encoded (JPEG, resized) \(String(format: "%.1f", 100 * share)) % of them would be above p99"
            )
        }
        return lines.joined(separator: "\n")
    }
}
