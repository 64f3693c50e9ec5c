import CKernels
import SAME
import Tensor
import Testing

@testable import Engine

/// Rows that the reconstruction alone settles, among others.
@Suite struct SettledRowsTests {
    @Test("settled rows have a reconstruction and no more; the others are bitwise what they are without")
    func settled() throws {
        let models = Models.all[0]
        let plan = try models.plan(.best, level: sg_level_best())
        let arena = plan.makeArena()
        let rows = models.images(37, seed: 5)
        let whole = plan.examine(rows, arena: arena)
        for period in [1, 2, 5, 37, 100] {
            var asked: [Int] = []
            let found = plan.examine(rows, arena: arena) { row, loss, roughness in
                asked.append(row)
                #expect(loss == whole[row].reconstructionLoss && roughness == whole[row].roughness)
                return row % period == 0
            }
            #expect(asked == Array(0..<37))
            for (row, (a, b)) in zip(found, whole).enumerated() {
                #expect(a.isSettled == (row % period == 0))
                if a.isSettled {
                    #expect(a.reconstructionLoss == b.reconstructionLoss && a.perturbation == nil)
                } else {
                    #expect(a == b)
                }
            }
        }
    }
}
