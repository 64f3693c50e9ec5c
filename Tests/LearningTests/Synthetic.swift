import CZlib
import Foundation
import Learning
import SAME
import Tensor
import TestSupport

/// Images that a model can learn in seconds: a bright bar, whose place is the class, over noise.
enum Synthetic {
    static let shape = ImageShape(channels: 1, height: 16, width: 16)
    static let classes = 4

    static func images(_ count: Int, seed: UInt64 = 1) -> (images: ImageSet, labels: Labels) {
        var generator = RandomGenerator(seed: seed)
        var bytes: [UInt8] = []
        var labels: [Int] = []
        for _ in 0..<count {
            let label = generator.integer(below: classes)
            labels.append(label)
            for y in 0..<shape.height {
                for x in 0..<shape.width {
                    let isBar = label < 2 ? y / 8 == label : x / 8 == label - 2
                    bytes.append(UInt8((isBar ? 180 : 20) + generator.integer(below: 40)))
                }
            }
        }
        return (ImageSet(shape: shape, bytes: bytes), Labels(values: labels, classes: classes))
    }

    /// Answers that are nearly sure of the label.
    static func answers(_ images: ImageSet, _ labels: Labels) -> AnswerSet {
        let rows = labels.values.flatMap { label in (0..<classes).map { Float($0 == label ? 0.91 : 0.03) } }
        return AnswerSet(
            probabilities: Tensor(shape: [images.count, classes], values: rows), imagesDigest: images.digest)
    }

    /// Small networks; with a perturbation detector where it is given steps.
    static func options(epochs: Int = 2, detectorSteps: Int = 0) -> FitOptions {
        var options = FitOptions(.small)
        options.detector.steps = detectorSteps
        options.detector.batch = 16
        options.detector.width = 4
        if detectorSteps == 0 { options.terms = Calibration.defaultTerms }
        options.autoencoder.embedding = 16
        options.autoencoder.encoderDepth = 1
        options.autoencoder.heads = 2
        options.autoencoder.schedule.epochs = epochs
        options.autoencoder.schedule.warmupEpochs = 0.5
        options.autoencoder.schedule.batch = 32
        options.auxiliary = .mlp(hidden: 16)
        options.auxiliarySchedule.epochs = epochs
        options.auxiliarySchedule.batch = 32
        options.holdout = 120
        return options
    }
}

extension ScratchFolder {
    /// Writes a file into it, gzipped; its path.
    @discardableResult
    func writeGzip(_ bytes: [UInt8], to name: String) throws -> String {
        let handle = gzopen(file(name), "wb")
        _ = bytes.withUnsafeBytes { gzwrite(handle, $0.baseAddress, UInt32(bytes.count)) }
        gzclose(handle)
        return file(name)
    }
}
