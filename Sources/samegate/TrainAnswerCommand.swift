import ArgumentParser
import Foundation
import Learning
import SAME
import Tensor

/// `samegate answer`: a model's answers to images, as a file that `fit --answers` reads.
struct TrainAnswerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "answer", abstract: "Record a model's answers to images, for fit --answers.")

    @Option(help: ArgumentHelp("The model directory.", valueName: "directory"))
    var model: String
    @Option(
        help:
            "Images: an IDX, npy (N×H×W or N×H×W×C, uint8 or floats in 0…1) or CIFAR file, a folder or a tar of PNG and JPEG files."
    )
    var images: String
    @OptionGroup var pictures: ConversionOptions
    @Option(help: "The file of answers to write (safetensors).")
    var output: String
    @Option(help: "Threads to compute with (default: as many as processors).")
    var threads: Int?

    func validate() throws { try TrainSession.check(threads: threads) }

    func run() throws {
        do {
            try FileBytes.checkPlace(output)
            let directory = try ClassifierDirectory(contentsOf: model)
            let images = try TrainData.images(images, conversion: try pictures.checkedConversion(of: images))
            guard images.shape == directory.manifest.architecture.image else {
                throw DataError.wrongShape(
                    path: self.images, found: images.shape, expected: directory.manifest.architecture.image)
            }
            let workspace = Workspace(threads: threads ?? Workspace.processorCount)
            let answers = VictimTraining.answers(of: directory.classifier, to: images, workspace: workspace)
            try AnswerSet(probabilities: answers, imagesDigest: images.digest).write(to: output)
            print("\(images.count) answers written to \(output)")
        } catch {
            throw TrainSession.plain(error)
        }
    }
}
