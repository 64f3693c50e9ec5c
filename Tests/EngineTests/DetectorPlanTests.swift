import CKernels
import SAME
import Tensor
import Testing

@testable import Engine

/// Plans with a perturbation detector against the networks themselves.
@Suite struct DetectorPlanTests {
    private static let detectors: [(Int, PerturbationDetectorArchitecture)] = [
        (0, PerturbationDetectorArchitecture(image: Models.all[0].autoencoder.image)),
        (2, PerturbationDetectorArchitecture(image: Models.all[2].autoencoder.image, width: 9, stages: 4)),
        (3, PerturbationDetectorArchitecture(image: Models.all[3].autoencoder.image, width: 7, stages: 2)),
        (4, PerturbationDetectorArchitecture(image: Models.all[4].autoencoder.image, width: 17, stages: 1)),
    ]

    private func detector(_ sizes: PerturbationDetectorArchitecture) throws -> PerturbationDetector {
        var generator = RandomGenerator(seed: 31)
        return try PerturbationDetector(sizes, generator: &generator)
    }

    private func logits(_ plan: Plan, _ rows: Tensor) -> [Float] {
        plan.examine(rows, arena: plan.makeArena()).map { $0.perturbation ?? .nan }
    }

    @Test(
        "a Float32 plan's logits are the network's, at every level of instructions", arguments: 0..<4,
        Models.levels)
    func reference(index: Int, level: Int32) throws {
        let (models, sizes) = (Models.all[Self.detectors[index].0], Self.detectors[index].1)
        let detector = try detector(sizes)
        let (autoencoder, auxiliary) = try models.networks()
        let plan = try Plan(ScoringNetworks(autoencoder, auxiliary, detector), precision: .f32, level: level)
        let rows = models.images(3, seed: 8)
        let workspace = Workspace()
        let painted = autoencoder.reconstruct(rows, workspace: workspace)
        let wanted = detector.logits(rows, painted, workspace: workspace)
        for (found, wanted) in zip(logits(plan, rows), wanted) { #expect(abs(found - wanted) < 2e-5) }
    }

    @Test("a row's logit is bitwise the same alone and in any batch; without a detector there is none")
    func batches() throws {
        let models = Models.all[0]
        let (autoencoder, auxiliary) = try models.networks()
        let detector = try detector(Self.detectors[0].1)
        let plan = try Plan(ScoringNetworks(autoencoder, auxiliary, detector), precision: .best)
        let rows = models.images(37, seed: 9)
        let whole = logits(plan, rows)
        for row in [0, 15, 16, 36] { #expect(logits(plan, rows.rows(row..<row + 1)) == [whole[row]]) }
        let plain = try Plan(ScoringNetworks(autoencoder, auxiliary), precision: .best)
        #expect(plain.examine(rows, arena: plain.makeArena()).allSatisfy { $0.perturbation == nil })
    }

    @Test("in lower precision a logit moves by no more than the reconstruction's rounding makes it")
    func lowerPrecision() throws {
        guard Plan.Precision.bf16.isSupported else { return }
        let models = Models.all[0]
        let (autoencoder, auxiliary) = try models.networks()
        let detector = try detector(Self.detectors[0].1)
        let rows = models.images(16, seed: 10)
        let exact = logits(try Plan(ScoringNetworks(autoencoder, auxiliary, detector), precision: .f32), rows)
        let rounded = logits(
            try Plan(ScoringNetworks(autoencoder, auxiliary, detector), precision: .bf16), rows)
        for (a, b) in zip(exact, rounded) { #expect(abs(a - b) < 0.02) }
    }
}
