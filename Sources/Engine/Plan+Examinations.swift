import SAME
import Tensor

extension Plan {
    /// The examination of each row, as ``Scorer/examine(_:workspace:)`` gives it; allocates the results and the masks
    /// alone.
    ///
    /// `settles` is asked about each row's loss and roughness, by its index: where it says yes the reconstruction is all
    /// that is examined.
    ///
    /// **Shapes** rows (B, C·H·W) or (B, C, H, W), canonical values −1…1; seeds (B) where the plan masks.
    package func examine(
        _ rows: Tensor, seeds: [UInt64] = [], arena: PlanArena,
        settles: ((Int, Float, Float) -> Bool)? = nil
    ) -> [Examination] {
        precondition(rows.rowCount == image.count, "a row has \(rows.rowCount) values")
        let (count, results) = (rows.rows, PlanResults(self, rows: rows.rows))
        let roughness = (0..<count).map { Scorer.roughness(rows.row($0), image) }
        var settled = [Bool](repeating: false, count: count)
        rows.values.withUnsafeBufferPointer {
            guard count > 0, let base = $0.baseAddress else { return }
            examine(
                rows: base, count: count, seeds: seeds, arena: arena, into: results,
                settles: settles.map { settles in
                    { row, loss in
                        settled[row] = settles(row, loss, roughness[row])
                        return settled[row]
                    }
                })
        }
        return (0..<count).map { examination($0, results, roughness[$0], isSettled: settled[$0]) }
    }

    private func examination(
        _ row: Int, _ results: PlanResults, _ roughness: Float, isSettled: Bool
    ) -> Examination {
        var examination = Examination(
            reconstructionLoss: results.losses[row], roughness: roughness, auxiliaryProbabilities: [])
        guard !isSettled else { return examination }
        examination.auxiliaryProbabilities = Array(
            UnsafeBufferPointer(start: results.probabilities + row * classes, count: classes))
        examination.energy = results.energies[row]
        if masks { examination.maskedLoss = results.maskedLosses[row] }
        if detectsPerturbations { examination.perturbation = results.logits[row] }
        if measuresStatistics { examination.statistics = results.statistics[row] }
        if findsNeighbours { examination.neighbour = results.distances[row] }
        return examination
    }
}
