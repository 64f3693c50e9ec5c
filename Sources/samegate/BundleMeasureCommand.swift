import ArgumentParser
import Learning
import SAME
import Tensor

/// `samegate bundle measure`: what lower precisions do to a bundle's scores.
struct BundleMeasureCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Measure what bf16 and int8 do to a bundle's scores, and write it down in it.",
        discussion: """
            For bundles that were fitted elsewhere or on a processor without the instructions: `fit` and `import` do it by \
            themselves. The images are benign ones that trained neither network, as those of the calibration. int8 is \
            served only where its figures are within the tolerances, which are printed with what exceeds them. At most \
            \(ModelBundle.precisionQueriesMax) images are used, drawn at random; a victim is asked about all that are given.
            """)

    @Option(help: ArgumentHelp("The bundle to measure, which is written again.", valueName: "directory"))
    var bundle: String
    @Option(help: "Benign images: a folder, tar, npy, IDX or CIFAR file.")
    var images: String
    @OptionGroup(title: "The victim") var victim: FitVictimOptions
    @OptionGroup(title: "The run") var session: TrainSession

    func run() throws {
        try TrainSession.perform { stop in try await measure(stop) }
    }

    private func measure(_ stop: StopFlag) async throws {
        let printer = ProgressPrinter()
        let earlier = try ModelBundle(contentsOf: bundle)
        // It is written as a whole.
        try ModelBundle.refuseOccupied(bundle, replacing: true)
        let images = try TrainData.images(images)
        guard images.shape == earlier.manifest.image else {
            throw ValidationError("the images are \(images.shape), the bundle's \(earlier.manifest.image)")
        }
        // Before the victim is asked, which may cost.
        let precisions = try earlier.measurablePrecisions().map(\.rawValue).joined(separator: " and ")
        let used = min(images.count, ModelBundle.precisionQueriesMax)
        printer.say("\(precisions) will be measured with \(used) of \(images.count) images")
        let run = try session.makeRun(output: bundle, stop: stop, printer: printer)
        let answers = try await victim.answers(to: images, run: run)
        guard answers.classes == earlier.manifest.classes else {
            throw ValidationError(
                "the victim has \(answers.classes) classes, the bundle \(earlier.manifest.classes)")
        }
        let measured = try earlier.measuringPrecisions(
            images, at: Array(0..<images.count), answers, workspace: run.workspace)
        try measured.write(to: bundle)
        run.discardCheckpoints()
        BundleText(measured).lines.forEach { print($0) }
    }
}
