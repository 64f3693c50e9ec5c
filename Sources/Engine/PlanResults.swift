/// Room for what a plan finds of some rows; made once, it can be filled again and again.
///
/// Belongs to one thread at a time. What the plan has no part for stays 0; of a row that is settled all but its loss, statistics,
/// frame and reconstruction is no number.
package final class PlanResults {
    /// The rows that there is room for.
    package let rows: Int
    let classes: Int
    /// Each row's mean of (x − x̂)². **Shapes** (rows), as all but the last two.
    package let losses: UnsafeMutablePointer<Float>
    /// The auxiliary model's energies.
    package let energies: UnsafeMutablePointer<Float>
    /// The perturbation detector's logits.
    package let logits: UnsafeMutablePointer<Float>
    /// The distances to benign features.
    package let distances: UnsafeMutablePointer<Float>
    /// The distances of pixels' statistics to benign ones.
    package let statistics: UnsafeMutablePointer<Float>
    /// The distances of frames to benign ones.
    package let frames: UnsafeMutablePointer<Float>
    /// The losses on the patches that the masks hide.
    package let maskedLosses: UnsafeMutablePointer<Float>
    /// A(x̂). **Shapes** (rows, classes).
    package let probabilities: UnsafeMutablePointer<Float>
    /// x̂ itself, where it is wanted. **Shapes** (rows, C·H·W).
    package let reconstructions: UnsafeMutablePointer<Float>?

    private let block: UnsafeMutablePointer<Float>

    /// Room for `rows` rows of a plan, with their reconstructions or without.
    package init(_ plan: Plan, rows: Int, reconstructions: Bool = false) {
        self.rows = rows
        classes = plan.classes
        let pixels = reconstructions ? plan.image.count : 0
        let count = rows * (7 + classes + pixels)
        block = .allocate(capacity: max(count, 1))
        block.initialize(repeating: 0, count: count)
        losses = block
        energies = block + rows
        logits = block + 2 * rows
        distances = block + 3 * rows
        maskedLosses = block + 4 * rows
        statistics = block + 5 * rows
        frames = block + 6 * rows
        probabilities = block + 7 * rows
        self.reconstructions = reconstructions ? probabilities + rows * classes : nil
    }

    deinit { block.deallocate() }

    /// Makes no number of what a settled row has not got: what lies there is of another query.
    func settle(_ row: Int) {
        for part in [energies, logits, distances, maskedLosses] { part[row] = .nan }
        (probabilities + row * classes).update(repeating: .nan, count: classes)
    }

    /// The class probabilities of all rows, row by row.
    package var allProbabilities: [Float] {
        Array(UnsafeBufferPointer(start: probabilities, count: rows * classes))
    }

    /// The losses of all rows.
    package var allLosses: [Float] { Array(UnsafeBufferPointer(start: losses, count: rows)) }
}
