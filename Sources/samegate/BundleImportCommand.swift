import ArgumentParser
import Foundation
import Learning
import SAME
import Tensor

/// `samegate bundle import`: a bundle of networks that PyTorch trained.
struct BundleImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make a bundle of networks trained in PyTorch.",
        discussion: """
            Reads state dicts saved with safetensors.torch.save_file: the paper's MAE_ViT, and as auxiliary model its \
            Conv3, MLP or ViT_Classifier, or a ResNet of basic blocks as torchvision's. The architecture is read off names \
            and shapes. The score is calibrated on benign images, which should have trained neither network, and the \
            victim's answers to them. At most half of the images, drawn at random, are set aside: what scores compare \
            with, and what simulated thieves train on where there is a detector. The others calibrate.
            """)

    @Option(help: ArgumentHelp("The masked autoencoder.", valueName: "file"))
    var mae: String
    @Option(help: ArgumentHelp("The auxiliary model.", valueName: "file"))
    var auxiliary: String
    @Option(
        help: ArgumentHelp(
            "The detector of small perturbations, where there is one.", valueName: "file"))
    var perturbation: String?
    @Option(
        help: ArgumentHelp("Heads of the autoencoder, where its file does not say.", valueName: "n[,decoder]")
    )
    var maeHeads: String?
    @Option(help: ArgumentHelp("Heads of a transformer as auxiliary model, likewise.", valueName: "n"))
    var auxiliaryHeads: Int?
    @Option(
        help:
            "Images to calibrate on: a folder, tar, npy (N×H×W or N×H×W×C, uint8 or floats in 0…1), IDX or CIFAR file."
    )
    var images: String
    @Option(help: ArgumentHelp("The bundle directory to write.", valueName: "directory"))
    var output: String
    @OptionGroup var replacement: ReplaceOptions
    @Option(
        help: ArgumentHelp(
            "Terms of the score: \(ScoreTerm.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "term,…"))
    var terms: String?
    @Option(
        help: ArgumentHelp(
            "Combine by Eq. (6) with this alpha instead of the tail-sum: without --terms and --perturbation.",
            valueName: "0…1"))
    var alpha: Double?
    @OptionGroup(title: "The victim") var victim: FitVictimOptions
    @OptionGroup(title: "The run") var session: TrainSession

    func validate() throws {
        _ = try heads()
        if let alpha, !(0...1).contains(alpha) { throw ValidationError("--alpha must be from 0 to 1") }
        try combination.refuseIdle([("--terms", terms != nil), ("--perturbation", perturbation != nil)])
        let terms = try terms.map(ScoreTerm.list)
        if let terms, terms.isEmpty { throw ValidationError("--terms names no term") }
        if terms?.contains(.perturbation) ?? false, perturbation == nil {
            throw ValidationError(
                "--terms has perturbation: give --perturbation, or add a detector with fit --from")
        }
    }

    func run() throws {
        try TrainSession.perform { stop in try await make(stop) }
    }

    private func make(_ stop: StopFlag) async throws {
        let printer = ProgressPrinter()
        // Whatever can be refused is refused before the victim is asked anything.
        let replacing = session.replaces(output, replacement)
        try ModelBundle.refuseOccupied(output, replacing: replacing)
        let images = try TrainData.images(images)
        printer.say("\(images.count) images of \(images.shape)")
        let source = BundleImport.Source(
            autoencoder: mae, auxiliary: auxiliary, detector: perturbation, autoencoderHeads: try heads(),
            auxiliaryHeads: auxiliaryHeads)
        let networks = try BundleImport(source, image: images.shape)
        var terms = try terms.map(ScoreTerm.list) ?? networks.defaultTerms
        if victim.tellsLabelsAlone { terms = try combination.answerless(terms) }
        try networks.validate(terms, combination, for: images)
        let run = try session.makeRun(output: output, stop: stop, printer: printer)
        let answers = try await victim.answers(to: images, run: run)
        let made = try networks.makeBundle(
            images: images, answers: answers, terms: terms, combination: combination,
            program: TrainData.program, run: run)
        // References are their own nearest neighbours, and say nothing of what others score.
        let bundle = try made.bundle.measuringPrecisions(
            images, at: made.calibrating, answers, workspace: run.workspace)
        try bundle.write(to: output, replacing: replacing)
        run.discardCheckpoints()
        print(FitCommand.summary(bundle, output))
        if let warning = bundle.manifest.scarcityWarning(option: "more --images") { run.say(warning) }
    }

    private var combination: Calibration.Combination { alpha.map { .paper(alpha: $0) } ?? .tailSum }

    private func heads() throws -> (encoder: Int, decoder: Int)? {
        guard let maeHeads else { return nil }
        let numbers = maeHeads.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard let encoder = numbers[0], numbers.count <= 2, let decoder = numbers[numbers.count - 1] else {
            throw ValidationError("--mae-heads takes a number such as 3, or two such as 3,6")
        }
        return (encoder, decoder)
    }
}
