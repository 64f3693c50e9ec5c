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
}
