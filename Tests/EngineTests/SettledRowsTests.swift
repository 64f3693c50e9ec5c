import CKernels
import SAME
import Tensor
import Testing

@testable import Engine

/// Rows that the reconstruction alone settles, among others.
@Suite struct SettledRowsTests {
    static let models =
        [Models.all[0]] + Models.all.filter { if case .resnet = $0.auxiliary { true } else { false } }

    @Test(
        "settled rows have a reconstruction and no more; the others are bitwise what they are without",
        arguments: models)
    func settled(models: Models) throws {
        let (autoencoder, auxiliary) = try models.networks()
        let statistics = ReferenceStatistics(
            models.images(20, seed: 4), .statistics, of: models.autoencoder.image, neighbours: 2)
        let frames = ReferenceStatistics(
            models.images(20, seed: 4), .frame, of: models.autoencoder.image, neighbours: 2)
        let plan = try Plan(
            ScoringNetworks(autoencoder, auxiliary, statistics: statistics, frames: frames))
        let arena = plan.makeArena()
        let rows = models.images(37, seed: 5)
        let whole = plan.examine(rows, arena: arena)
        for period in [1, 2, 5, 37, 100] {
            var asked: [Int] = []
            let found = plan.examine(rows, arena: arena) { row, begun in
                asked.append(row)
                #expect(begun.isSettled && begun.roughness == whole[row].roughness)
                #expect(begun.reconstructionLoss == whole[row].reconstructionLoss)
                #expect(begun.statistics == whole[row].statistics && begun.statistics != nil)
                #expect(begun.frame == whole[row].frame && begun.frame != nil)
                return row % period == 0
            }
            #expect(asked == Array(0..<37))
            for (row, (a, b)) in zip(found, whole).enumerated() {
                #expect(a.isSettled == (row % period == 0))
                if a.isSettled {
                    #expect(a.reconstructionLoss == b.reconstructionLoss && a.statistics == b.statistics)
                    #expect(a.perturbation == nil && a.energy == nil)
                } else {
                    #expect(a == b)
                }
            }
        }
    }

    @Test("of a settled row nothing is left that was an earlier query's", arguments: models)
    func stale(models: Models) throws {
        let plan = try Plan(try TermPlanTests.networks(models))
        let arena = plan.makeArena()
        let (rows, earlier) = (models.images(37, seed: 5), models.images(37, seed: 6))
        let seeds = plan.masks ? TermPlanTests.seeds : []
        let (results, whole) = (PlanResults(plan, rows: 37), PlanResults(plan, rows: 37))
        plan.examine(rows: rows.values, count: 37, seeds: seeds, arena: arena, into: whole)
        plan.examine(rows: earlier.values, count: 37, seeds: seeds, arena: arena, into: results)
        plan.examine(rows: rows.values, count: 37, seeds: seeds, arena: arena, into: results) { $0 % 3 != 1 }
        for row in 0..<37 {
            let parts = [\PlanResults.energies, \PlanResults.distances, \PlanResults.maskedLosses].map {
                (results[keyPath: $0][row], whole[keyPath: $0][row])
            }
            let classes = row * plan.classes..<(row + 1) * plan.classes
            let (found, wanted) = (results.allProbabilities[classes], whole.allProbabilities[classes])
            #expect(results.losses[row] == whole.losses[row])
            #expect(results.statistics[row] == whole.statistics[row])
            if row % 3 == 1 {
                #expect(parts.allSatisfy { $0 == $1 } && found == wanted)
            } else {
                #expect(parts.allSatisfy { $0.0.isNaN } && found.allSatisfy(\.isNaN))
            }
        }
    }
}
