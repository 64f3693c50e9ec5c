import SAME
import Tensor

extension Plan {
    /// The examination of each row, as ``Scorer/examine(_:workspace:)`` gives it; allocates the results and the masks
    /// alone.
    ///
    /// `settles` is asked about each row, by its index, with an examination that has its reconstruction, statistics and frame: where it
    /// says yes that is all.
    ///
    /// **Shapes** rows (B, C·H·W) or (B, C, H, W), canonical values −1…1; seeds (B) where the plan masks.
    package func examine(
        _ rows: Tensor, seeds: [UInt64] = [], arena: PlanArena,
        settles: ((Int, Examination) -> Bool)? = nil
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
                    { row in
                        settled[row] = settles(row, self.begun(row, results, roughness[row]))
                        return settled[row]
                    }
                })
        }
        return (0..<count).map { row in
            let begun = begun(row, results, roughness[row])
            return settled[row] ? begun : ended(begun, row, results)
        }
    }

    /// What is known once a row is reconstructed.
    private func begun(_ row: Int, _ results: PlanResults, _ roughness: Float) -> Examination {
        Examination(
            reconstructionLoss: results.losses[row], roughness: roughness,
            statistics: measuresStatistics ? results.statistics[row] : nil,
            frame: measuresFrames ? results.frames[row] : nil, auxiliaryProbabilities: [])
    }

    private func ended(_ begun: Examination, _ row: Int, _ results: PlanResults) -> Examination {
        var examination = begun
        examination.auxiliaryProbabilities = Array(
            UnsafeBufferPointer(start: results.probabilities + row * classes, count: classes))
        examination.energy = results.energies[row]
        if masks { examination.maskedLoss = results.maskedLosses[row] }
        if detectsPerturbations { examination.perturbation = results.logits[row] }
        if findsNeighbours { examination.neighbour = results.distances[row] }
        return examination
    }
}
