import Foundation
import Learning
import SAME
import Tensor
import TestSupport
import Testing

@testable import RedTeam

@Suite("Figures that a resumed evaluation takes from before")
struct ResumedFiguresTests {
    /// An evaluation of one attack whose name says nothing of its pictures: noise, or the victim's own kind.
    private func result(
        _ folder: ScratchFolder, noise: Bool, measures: Set<Evaluation.Measure> = [],
        study: TrainingStudy? = nil
    ) throws -> EvaluationResult {
        let image = ImageShape(channels: 1, height: 16, width: 16)
        let pool =
            noise
            ? PicturePool(SimpleQueries.uniformNoise(count: 60, image: image, seed: 21), shape: image)
            : EvaluationTests.own(60, seed: 21)
        return try EvaluationTests.evaluation(
            folder.path, resumes: true, attacks: ["near"], measures: measures, own: 200,
            queries: ["near": pool], study: study
        ).run()
    }

    @Test("trials are those of the attack's own options, whatever was kept under its name")
    func trials() throws {
        let folder = try ScratchFolder()
        let first = try result(folder, noise: true, measures: [.trials]).trials
        let again = try result(folder, noise: true, measures: [.trials]).trials
        #expect(!first.isEmpty && again == first)
        let other = try result(folder, noise: false, measures: [.trials]).trials
        #expect(other.count == first.count && other != first)
    }

    @Test("figures 6 and 7 are those of the attack's own options, whatever was kept under its name")
    func studies() throws {
        var options = EvaluationTests.quickFit
        options.autoencoder.schedule.epochs = 1
        options.autoencoder.schedule.warmupEpochs = 0.25
        let study = TrainingStudy(
            points: [.init(axis: "epochs", value: 1, options: options)], program: "test")
        let folder = try ScratchFolder()
        let first = try result(folder, noise: true, study: study).training
        let again = try result(folder, noise: true, study: study).training
        #expect(!first.isEmpty && again == first)
        let other = try result(folder, noise: false, study: study).training
        #expect(other.count == first.count && other != first)
        #expect(
            other.filter { $0.attack == RunHistogram.honest }.map(\.loss)
                == first.filter { $0.attack == RunHistogram.honest }.map(\.loss))
    }
}
