import Foundation
import Imaging
import SAME
import Tensor

/// Queries beside what the autoencoder makes of them.
struct PictureSheet {
    let autoencoder: MaskedAutoencoder
    let workspace: Workspace
    /// The share of patches that the masked picture lacks.
    var maskRatio = 0.75

    /// An entry for each query. The error map is |x − x̂|, black at none and white from an eighth of the range on.
    ///
    /// **Shapes** queries (B, C·H·W), canonical values; rows as many.
    func entries(_ attack: String, _ queries: Tensor, rows: [ScoreBench.Row]) -> [PictureEntry] {
        let shape = autoencoder.architecture.image
        var generator = RandomGenerator(seed: 1, stream: 400)
        let visible = autoencoder.randomMasks(
            images: queries.rows, maskRatio: maskRatio, generator: &generator)
        let painted = autoencoder.reconstruct(queries, workspace: workspace)
        return (0..<queries.rows).compactMap { row in
            let (query, answer) = (Array(queries.row(row)), Array(painted.row(row)))
            let error = zip(query, answer).map { min(1, abs($0 - $1) * 8 - 1) }
            guard let original = Self.png(query, shape), let reconstructed = Self.png(answer, shape),
                let map = Self.png(error, shape),
                let masked = Self.png(hiding(query, except: visible[row], shape), shape)
            else { return nil }
            return PictureEntry(
                attack: attack, original: original, masked: masked, reconstructed: reconstructed, error: map,
                loss: rows[row].scores[.sameX] ?? 0, surprise: rows[row].surprise)
        }
    }

    /// Mid-grey where a patch is hidden.
    private func hiding(_ picture: [Float], except visible: [Int], _ shape: ImageShape) -> [Float] {
        let side = autoencoder.architecture.patch
        let across = max(1, shape.width / side)
        let seen = Set(visible)
        return picture.indices.map { index in
            let row = index / shape.width % shape.height, column = index % shape.width
            return seen.contains(row / side * across + column / side) ? picture[index] : 0
        }
    }

    private static func png(_ picture: [Float], _ shape: ImageShape) -> String? {
        guard let image = PixelBytes.image(picture, shape), let bytes = try? image.encodePNG() else {
            return nil
        }
        return Data(bytes).base64EncodedString()
    }
}
