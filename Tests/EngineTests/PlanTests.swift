import CKernels
import Dispatch
import Neural
import SAME
import Synchronization
import Tensor
import Testing

@testable import Engine

/// Whole plans against the networks they are compiled from, with random weights.
@Suite struct PlanTests {
    @Test(
        "a Float32 plan reconstructs and classifies as the networks do", arguments: Models.all, Models.levels)
    func reference(models: Models, level: Int32) throws {
        let (found, wanted) = try compare(models, .f32, level: level)
        #expect(found.worst(\.losses, wanted) < 2e-6)
        #expect(found.worst(\.probabilities, wanted) < 2e-6)
        #expect(found.worst(\.reconstructions, wanted) < 1e-5)
    }

    @Test("a bfloat16 plan's losses are within 1 % and its probabilities within 0.01", arguments: Models.all)
    func bfloat16(models: Models) throws {
        guard Plan.Precision.bf16.isSupported else { return }
        let (found, wanted) = try compare(models, .bf16, level: sg_level_best())
        for (a, b) in zip(found.losses, wanted.losses) { #expect(abs(a - b) < 0.01 * b) }
        #expect(found.worst(\.probabilities, wanted) < 0.01)
    }

    @Test("an 8-bit plan's losses are within 3 % and its probabilities within 0.02", arguments: Models.all)
    func integers(models: Models) throws {
        guard Plan.Precision.int8.isSupported else { return }
        let (found, wanted) = try compare(models, .int8, level: sg_level_best())
        for (a, b) in zip(found.losses, wanted.losses) { #expect(abs(a - b) < 0.03 * b) }
        #expect(found.worst(\.probabilities, wanted) < 0.02)
    }

    @Test(
        "a row's results are bitwise the same alone and in any batch, in every precision",
        arguments: [Models.all[0], Models.all[3]] + Models.all[5...], Plan.Precision.allCases)
    func batches(models: Models, precision: Plan.Precision) throws {
        guard precision.isSupported else { return }
        let plan = try models.plan(precision, level: sg_level_best())
        let arena = plan.makeArena()
        let rows = models.images(37, seed: 5)
        let whole = Results(plan, rows, arena)
        for row in [0, 1, 15, 16, 36] {
            let alone = Results(plan, rows.rows(row..<row + 1), arena)
            #expect(alone == whole.rows(row..<row + 1))
        }
        for size in [2, 3, 7, 20] {
            #expect(Results(plan, rows.rows(10..<10 + size), arena) == whole.rows(10..<10 + size))
        }
    }

    @Test("threads share a plan, each with an arena, and get what one thread gets")
    func concurrent() throws {
        let models = Models.all[0]
        let plan = try models.plan(.best, level: sg_level_best())
        let rows = models.images(8, seed: 6)
        let alone = Results(plan, rows, plan.makeArena())
        let same = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: 4) { @Sendable _ in
            let arena = plan.makeArena()
            for _ in 0..<5 where Results(plan, rows, arena) == alone { same.add(1, ordering: .relaxed) }
        }
        #expect(same.load(ordering: .relaxed) == 20)
    }

    @Test("examinations are the scorer's")
    func examinations() throws {
        let models = Models.all[0]
        let (autoencoder, auxiliary) = try models.networks()
        let plan = try Plan(ScoringNetworks(autoencoder, auxiliary), precision: .f32)
        let rows = models.images(3, seed: 7)
        let wanted = Scorer.examine(rows, by: ScoringNetworks(autoencoder, auxiliary), workspace: Workspace())
        let found = plan.examine(rows, arena: plan.makeArena())
        #expect(found.count == 3)
        for (a, b) in zip(found, wanted) {
            #expect(abs(a.reconstructionLoss - b.reconstructionLoss) < 1e-6)
            #expect(a.auxiliaryProbabilities.count == b.auxiliaryProbabilities.count)
        }
        #expect(plan.examine(rows.rows(0..<0), arena: plan.makeArena()).isEmpty)
    }

    @Test("a precision the processor lacks is refused with the instructions it needs")
    func refused() throws {
        let (autoencoder, auxiliary) = try Models.all[0].networks()
        for precision in [Plan.Precision.bf16, .int8] {
            #expect(throws: PlanError.self) {
                try Plan(ScoringNetworks(autoencoder, auxiliary), precision: precision, level: Int32(SG_AVX2))
            }
        }
        #expect("\(PlanError.unsupported(.int8, needs: "AVX-512-VNNI"))".contains("AVX-512-VNNI"))
    }

    private func compare(
        _ models: Models, _ precision: Plan.Precision, level: Int32
    ) throws -> (Results, Results) {
        let plan = try models.plan(precision, level: level)
        let rows = models.images(3, seed: 4)
        return (Results(plan, rows, plan.makeArena()), try models.reference(rows))
    }
}
