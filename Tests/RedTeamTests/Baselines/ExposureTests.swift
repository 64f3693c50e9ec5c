import Foundation
import Learning
import SAME
import Tensor
import Testing

@testable import RedTeam

@Suite("Outlier exposure and diverse ensembles")
struct ExposureTests {
    private func logits(_ rows: Int, seed: UInt64) -> Tensor {
        var generator = RandomGenerator(seed: seed)
        return Tensor(shape: [rows, 4], values: (0..<rows * 4).map { _ in Float(generator.normal()) })
    }

    private func checkSlopes(_ slopes: Tensor, at point: Tensor, _ loss: (Tensor) -> Double) {
        for index in 0..<point.count {
            var (up, down) = (point, point)
            up.values[index] += 1e-2
            down.values[index] -= 1e-2
            let numeric = (loss(up) - loss(down)) / Double(up.values[index] - down.values[index])
            #expect(abs(numeric - Double(slopes.values[index])) < 1e-4)
        }
    }

    @Test("the flatness loss is least for equal logits, and its slopes are finite differences")
    func flatness() {
        let point = logits(3, seed: 1)
        checkSlopes(ExposureLoss.flatness(point).slopes, at: point) { ExposureLoss.flatness($0).loss }
        let flat = ExposureLoss.flatness(Tensor(shape: [1, 4], repeating: 2.5))
        #expect(abs(flat.loss - log(4)) < 1e-12 && flat.slopes.values.allSatisfy { abs($0) < 1e-7 })
        #expect(ExposureLoss.flatness(point).loss > log(4))
    }

    @Test("the diversity loss's slopes are finite differences by each model's logits")
    func diversity() {
        let points = (0..<3).map { logits(2, seed: 5 + UInt64($0)) }
        let found = ExposureLoss.diversity(points)
        for model in 0..<3 {
            checkSlopes(found[model].slopes, at: points[model]) { changed in
                var all = points
                all[model] = changed
                return ExposureLoss.diversity(all)[0].loss
            }
        }
        // Three equal models: three pairs of cosine 1.
        let same = ExposureLoss.diversity([points[0], points[0], points[0]])
        #expect(abs(same[0].loss - (log(3) + 1)) < 1e-9)
    }

    /// Own pictures have a bright half that tells the class; outliers are flat grey noise.
    @Test("both tell outliers from own pictures after a short training, and repeat exactly")
    func learns() throws {
        var generator = RandomGenerator(seed: 2)
        let image = ImageShape(channels: 1, height: 8, width: 8)
        let labels = (0..<240).map { $0 % 2 }
        let bytes = labels.flatMap { label in
            (0..<64).map { UInt8(($0 / 32 == label ? 200 : 30) + generator.integer(below: 30)) }
        }
        let own = PicturePool(
            images: ImageSet(shape: image, bytes: bytes), labels: Labels(values: labels, classes: 2))
        let strange = (0..<120 * 64).map { _ in UInt8(100 + generator.integer(below: 60)) }
        let outliers = PicturePool(images: ImageSet(shape: image, bytes: strange))
        var training = ExposureTraining()
        training.kind = .mlp(hidden: 16)
        training.epochs = 12
        training.batch = 24
        training.learningRate = 5e-3
        let (mine, foreign) = (own.pictures(at: 0..<100), outliers.pictures(at: 0..<100))
        let exposed = try training.exposed(own: own, outliers: outliers, seed: 1, workspace: Workspace())
        func doubt(_ pictures: Tensor) -> [Double] {
            let logits = exposed.logits(pictures, workspace: Workspace())
            return (0..<pictures.rows).map { AnswerScores.maximumSoftmax(logits: logits.row($0)) }
        }
        let byExposure = try #require(DetectionMetrics(attack: doubt(foreign), benign: doubt(mine)))
        #expect(byExposure.auroc > 0.99)
        let ensemble = try training.ensemble(
            of: 3, own: own, outliers: outliers, seed: 1, workspace: Workspace())
        let byEnsemble = try #require(
            DetectionMetrics(
                attack: ensemble.disagreement(foreign, workspace: Workspace()),
                benign: ensemble.disagreement(mine, workspace: Workspace())))
        #expect(byEnsemble.auroc > 0.99)
        let again = try training.exposed(own: own, outliers: outliers, seed: 1, workspace: Workspace())
        #expect(again.stateDict == exposed.stateDict)
    }

    @Test("own pictures without labels, or outliers of another size, are refused")
    func refused() {
        let training = ExposureTraining()
        let plain = Synthetic.pool(4), labelled = Synthetic.pool(4, labelled: true)
        let small = PicturePool(
            images: ImageSet(shape: ImageShape(channels: 1, height: 2, width: 2), bytes: [1, 2, 3, 4]))
        #expect(throws: AttackError.self) {
            try training.exposed(own: plain, outliers: plain, seed: 1, workspace: Workspace())
        }
        #expect(throws: AttackError.self) {
            try training.exposed(own: labelled, outliers: small, seed: 1, workspace: Workspace())
        }
    }
}
