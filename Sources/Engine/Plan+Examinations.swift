import SAME
import Tensor

extension Plan {
    /// The examination of each row, as ``Scorer/examine(_:workspace:)`` gives it; allocates the results alone.
    ///
    /// `settles` is asked about each row's loss and roughness, by its index: where it says yes the reconstruction is all
    /// that is examined.
    ///
    /// **Shapes** rows (B, C·H·W) or (B, C, H, W), canonical values −1…1.
    package func examine(
        _ rows: Tensor, arena: PlanArena, settles: ((Int, Float, Float) -> Bool)? = nil
    ) -> [Examination] {
        precondition(rows.rowCount == image.count, "a row has \(rows.rowCount) values")
        var losses = [Float](repeating: 0, count: rows.rows)
        var probabilities = [Float](repeating: 0, count: rows.rows * classes)
        var logits = [Float](repeating: 0, count: detectsPerturbations ? rows.rows : 0)
        let roughness = (0..<rows.rows).map { Scorer.roughness(rows.row($0), image) }
        var settled = [Bool](repeating: false, count: settles == nil ? 0 : rows.rows)
        rows.values.withUnsafeBufferPointer {
            guard rows.rows > 0, let base = $0.baseAddress else { return }
            logits.withUnsafeMutableBufferPointer { logits in
                examine(
                    rows: base, count: rows.rows, arena: arena, losses: &losses,
                    probabilities: &probabilities,
                    logits: detectsPerturbations ? logits.baseAddress : nil,
                    settles: settles.map { settles in
                        { row, loss in
                            settled[row] = settles(row, loss, roughness[row])
                            return settled[row]
                        }
                    })
            }
        }
        return losses.indices.map {
            let isSettled = settles != nil && settled[$0]
            return Examination(
                reconstructionLoss: losses[$0], roughness: roughness[$0],
                perturbation: detectsPerturbations && !isSettled ? logits[$0] : nil,
                auxiliaryProbabilities: isSettled
                    ? [] : Array(probabilities[$0 * classes..<($0 + 1) * classes]))
        }
    }
}
