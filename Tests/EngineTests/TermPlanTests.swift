import CKernels
import SAME
import Tensor
import Testing

@testable import Engine

/// What plans compute for the terms beside the reconstruction, against the networks themselves.
@Suite struct TermPlanTests {
    static let seeds: [UInt64] = (0..<37).map { 900 + $0 }

    /// Networks with references of every kind and, where there are patches enough, a masked pass.
    static func networks(_ models: Models) throws -> ScoringNetworks {
        let (autoencoder, auxiliary) = try models.networks()
        let workspace = Workspace()
        let painted = autoencoder.reconstruct(models.images(30, seed: 12), workspace: workspace)
        let features = auxiliary.describe(painted, workspace: workspace).features
        let pass = MaskedPass(ratio: 0.4)
        let statistics = ReferenceStatistics(
            models.images(50, seed: 11), .statistics, of: models.autoencoder.image, neighbours: 3)
        return ScoringNetworks(
            autoencoder, auxiliary, references: ReferenceFeatures(features, neighbours: 4),
            statistics: statistics,
            frames: ReferenceStatistics(
                models.images(50, seed: 11), .frame, of: models.autoencoder.image, neighbours: 3),
            maskedPass: pass.defect(models.autoencoder) == nil ? pass : nil)
    }

    /// By the networks' own forward passes.
    private static func reference(_ networks: ScoringNetworks, _ rows: Tensor) -> [Examination] {
        let workspace = Workspace()
        let painted = networks.autoencoder.reconstruct(rows, workspace: workspace)
        let (logits, features) = networks.auxiliary.describe(painted, workspace: workspace)
        let architecture = networks.autoencoder.architecture
        return (0..<rows.rows).map { row in
            let hidden = networks.maskedPass.map { pass -> Float in
                let visible = pass.visible(architecture, seed: seeds[row])
                let guess = networks.autoencoder.reconstruct(
                    rows.rows(row..<row + 1), visible: [visible], workspace: workspace)
                return MaskedPass.loss(rows.row(row), guess.row(0), visible: visible, architecture)
            }
            return Examination(
                reconstructionLoss: 0, roughness: 0, maskedLoss: hidden,
                statistics: networks.statistics?.distance(rows.row(row), architecture.image),
                frame: networks.frames?.distance(rows.row(row), architecture.image),
                energy: Scorer.energy(logits.row(row)),
                neighbour: networks.references?.distance(features.row(row)), auxiliaryProbabilities: [])
        }
    }

    private static func examine(_ plan: Plan, _ rows: Tensor, from first: Int = 0) -> [Examination] {
        let seeds = plan.masks ? Array(seeds[first..<first + rows.rows]) : []
        return plan.examine(rows, seeds: seeds, arena: plan.makeArena())
    }

    @Test(
        "a Float32 plan's masked losses, energies and distances are the networks', at every level",
        arguments: Models.all, Models.levels)
    func reference(models: Models, level: Int32) throws {
        let networks = try Self.networks(models)
        let rows = models.images(5, seed: 13)
        let plan = try Plan(networks, precision: .f32, level: level)
        for (found, wanted) in zip(Self.examine(plan, rows), Self.reference(networks, rows)) {
            #expect((found.maskedLoss == nil) == (wanted.maskedLoss == nil))
            #expect(abs((found.maskedLoss ?? 0) - (wanted.maskedLoss ?? 0)) < 2e-6)
            #expect(abs((found.energy ?? .nan) - (wanted.energy ?? .nan)) < 1e-5)
            #expect(abs((found.neighbour ?? .nan) - (wanted.neighbour ?? .nan)) < 2e-3)
            #expect(abs((found.statistics ?? .nan) - (wanted.statistics ?? .nan)) < 1e-5)
            #expect(abs((found.frame ?? .nan) - (wanted.frame ?? .nan)) < 1e-5)
        }
    }

    @Test(
        "what a reference has too is at no distance from it, at every level", arguments: Models.all,
        Models.levels)
    func exact(models: Models, level: Int32) throws {
        let (autoencoder, auxiliary) = try models.networks()
        let benign = models.images(50, seed: 11)
        let image = models.autoencoder.image
        let networks = ScoringNetworks(
            autoencoder, auxiliary,
            statistics: ReferenceStatistics(benign, .statistics, of: image, neighbours: 1),
            frames: ReferenceStatistics(benign, .frame, of: image, neighbours: 1))
        let plan = try Plan(networks, precision: .f32, level: level)
        #expect(Self.examine(plan, benign).allSatisfy { $0.statistics == 0 && $0.frame == 0 })
    }

    @Test(
        "in lower precision masked losses are within those of the plain ones, energies within 0.05",
        arguments: Models.all, [Plan.Precision.bf16, .int8])
    func lowerPrecision(models: Models, precision: Plan.Precision) throws {
        guard precision.isSupported else { return }
        let networks = try Self.networks(models)
        let rows = models.images(5, seed: 14)
        let plan = try Plan(networks, precision: precision)
        let share: Float = precision == .bf16 ? 0.01 : 0.03
        for (found, wanted) in zip(Self.examine(plan, rows), Self.reference(networks, rows)) {
            #expect(
                abs((found.maskedLoss ?? 0) - (wanted.maskedLoss ?? 0)) <= share * (wanted.maskedLoss ?? 0))
            #expect(abs((found.energy ?? .nan) - (wanted.energy ?? .nan)) < 0.05)
            #expect(abs((found.neighbour ?? .nan) - (wanted.neighbour ?? .nan)) < 0.05)
            #expect(abs((found.statistics ?? .nan) - (wanted.statistics ?? .nan)) < 1e-5)
            #expect(abs((found.frame ?? .nan) - (wanted.frame ?? .nan)) < 1e-5)
        }
    }

    @Test(
        "a row's terms are bitwise the same alone and in any batch", arguments: [0, 3, 6],
        Plan.Precision.allCases)
    func batches(index: Int, precision: Plan.Precision) throws {
        guard precision.isSupported else { return }
        let models = Models.all[index]
        let plan = try Plan(try Self.networks(models), precision: precision)
        let rows = models.images(37, seed: 15)
        let whole = Self.examine(plan, rows)
        for row in [0, 1, 15, 16, 36] {
            #expect(Self.examine(plan, rows.rows(row..<row + 1), from: row) == [whole[row]])
        }
        #expect(Self.examine(plan, rows.rows(10..<17), from: 10) == Array(whole[10..<17]))
    }

    @Test("a plan computes what the bundle's terms need and no more")
    func needs() throws {
        let models = Models.all[0]
        let (autoencoder, auxiliary) = try models.networks()
        let plain = try Plan(ScoringNetworks(autoencoder, auxiliary), precision: .f32)
        let full = try Plan(try Self.networks(models), precision: .f32)
        #expect(!plain.masks && !plain.findsNeighbours && full.masks && full.findsNeighbours)
        #expect(
            full.operations > 1.5 * Double(autoencoder.architecture.flops)
                && plain.operations < full.operations)
        let found = plain.examine(models.images(2, seed: 16), arena: plain.makeArena())
        #expect(found.allSatisfy { $0.maskedLoss == nil && $0.neighbour == nil && $0.energy != nil })
    }
}
