import SAME
import Tensor

/// How honest clients send pictures: most as they are, a share as JPEG or by way of another size.
///
/// A calibration that knew originals alone would find those clients stranger than they are; one that allows for more than there
/// are hides whom re-encoding resembles.
struct HonestTransport {
    /// The share of pictures that are re-encoded, 0…1.
    let share: Double

    /// How those are sent that are.
    private static let reencoding = SimulatedTransport(jpegShare: 0.6, resizeShare: 0.4)

    /// Whether the picture at a position is re-encoded: the share of all, evenly spaced.
    func isReencoded(_ position: Int) -> Bool {
        Int(Double(position + 1) * share) > Int(Double(position) * share)
    }

    /// Pictures as they arrive, the first of them at a position. **Shapes** (B, C·H·W).
    func sent(
        _ pictures: Tensor, from first: Int = 0, _ shape: ImageShape, _ generator: inout RandomGenerator
    ) -> Tensor {
        let rows = (0..<pictures.rows).filter { isReencoded(first + $0) }
        let carried = Self.reencoding.carry(
            pictures.gathering(rows: rows), shape: shape, generator: &generator)
        var sent = pictures
        let count = pictures.rowCount
        for (from, row) in rows.enumerated() {
            sent.values.replaceSubrange(row * count..<(row + 1) * count, with: carried.row(from))
        }
        return sent
    }
}
