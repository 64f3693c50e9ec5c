import Foundation
import SAME
import Tensor

/// Pictures of other things than the owner's, made of nothing but the owner's: what a detector learns to see and what terms
/// are weighed by, since no foreign data are at hand when a bundle is fitted.
struct SimulatedStrangers {
    enum Kind: String, CaseIterable {
        /// The owner's own, in another size on the canvas and turned a little: the same things from another source.
        case rescaled
        /// The owner's own, widened and flattened or the reverse, and slanted a little.
        case stretched
        /// The owner's own, turned by a quarter, a half or three quarters.
        case turned
        /// Pen strokes: characters, sketches.
        case strokes
        /// Flat areas with hard edges: icons, diagrams.
        case shapes
        /// Smooth waves: what is in no picture of a thing.
        case clouds
        /// Each pixel's colour by chance: noise.
        case grain
        /// Two of the owner's at once.
        case blended
    }

    let image: ImageShape
    /// Pictures to begin with, and to take colours from. **Shapes** (N, C·H·W), canonical values.
    let own: Tensor

    /// What a detector learns from.
    static let training: [Kind] = [.rescaled, .turned, .strokes, .shapes, .grain]
    /// What terms are weighed by: kinds that no detector has met, or it would be heard for what it learnt by heart. On MNIST
    /// such a choice silenced `excess`, which alone sees digits from another source.
    static let validating: [Kind] = [.stretched, .clouds, .blended]

    /// One picture of the kind for each of the owner's. **Shapes** (N, C·H·W), canonical values.
    func pictures(_ kind: Kind, generator: inout RandomGenerator) -> Tensor {
        var values: [Float] = []
        values.reserveCapacity(own.count)
        for row in 0..<own.rows { values += picture(kind, row, generator: &generator) }
        return Tensor(shape: own.shape, values: values)
    }

    /// A picture of the kind, from the owner's `row` where it is made of one.
    func picture(_ kind: Kind, _ row: Int, generator: inout RandomGenerator) -> [Float] {
        switch kind {
        case .rescaled: rescaled(own.row(row), &generator)
        case .stretched: stretched(own.row(row), &generator)
        case .turned: turned(own.row(row), &generator)
        case .strokes: strokes(&generator)
        case .shapes: shapes(&generator)
        case .clouds: clouds(&generator)
        case .grain: painted { _, _ in colour(&generator) }
        case .blended:
            zip(own.row(row), own.row(generator.integer(below: own.rows))).map { ($0 + $1) / 2 }
        }
    }

    // MARK: The owner's, otherwise

    private func rescaled(_ picture: ArraySlice<Float>, _ generator: inout RandomGenerator) -> [Float] {
        let grows = generator.uniform() < 0.5
        let zoom = grows ? 1.1 + 0.33 * generator.uniform() : 0.68 + 0.22 * generator.uniform()
        let angle = 0.35 * (generator.uniform() - 0.5)
        let ground = generator.uniform() < 0.5 ? ground(picture) : nil
        let (sine, cosine) = (sin(angle) / zoom, cos(angle) / zoom)
        return resampled(picture, on: ground) { x, y in (cosine * x + sine * y, cosine * y - sine * x) }
    }

    private func stretched(_ picture: ArraySlice<Float>, _ generator: inout RandomGenerator) -> [Float] {
        let (wide, low) = (1.12 + 0.2 * generator.uniform(), 0.7 + 0.18 * generator.uniform())
        let (width, height) = generator.uniform() < 0.5 ? (wide, low) : (low, wide)
        let slant = 0.3 * (generator.uniform() - 0.5)
        let ground = generator.uniform() < 0.5 ? ground(picture) : nil
        return resampled(picture, on: ground) { x, y in ((x + slant * y) / width, y / height) }
    }

    private func turned(_ picture: ArraySlice<Float>, _ generator: inout RandomGenerator) -> [Float] {
        // A quarter turn of a picture that is no square would squeeze it.
        let isSquare = image.width == image.height
        switch isSquare ? generator.integer(below: 3) : 0 {
        case 0: return resampled(picture) { (-$0, -$1) }
        case 1: return resampled(picture) { ($1, -$0) }
        default: return resampled(picture) { (-$1, $0) }
        }
    }

    /// What a picture stands on: of each channel the middle value along the border.
    private func ground(_ picture: ArraySlice<Float>) -> [Float] {
        let (width, height) = (image.width, image.height)
        return (0..<image.channels).map { channel in
            let base = picture.startIndex + channel * width * height
            var border: [Float] = []
            for x in 0..<width { border += [picture[base + x], picture[base + (height - 1) * width + x]] }
            for y in 0..<height {
                border += [picture[base + y * width], picture[base + (y + 1) * width - 1]]
            }
            return border.sorted()[border.count / 2]
        }
    }

    /// The picture looked up at other places, between pixels by lines; past its border the ground, where there is none the
    /// border goes on. Places count from the middle.
    private func resampled(
        _ picture: ArraySlice<Float>, on ground: [Float]? = nil, _ place: (Double, Double) -> (Double, Double)
    ) -> [Float] {
        let (width, height) = (image.width, image.height)
        let middle = (x: Double(width - 1) / 2, y: Double(height - 1) / 2)
        var values = [Float](repeating: 0, count: image.count)
        for y in 0..<height {
            for x in 0..<width {
                let from = place(Double(x) - middle.x, Double(y) - middle.y)
                let (column, line) = (from.0 + middle.x, from.1 + middle.y)
                for channel in 0..<image.channels {
                    let plane = channel * width * height
                    values[plane + y * width + x] = between(
                        picture.dropFirst(plane).prefix(width * height), column, line, past: ground?[channel])
                }
            }
        }
        return values
    }

    /// What a plane has between four pixels.
    private func between(
        _ plane: ArraySlice<Float>, _ column: Double, _ line: Double, past ground: Float?
    ) -> Float {
        let (left, top) = (Int(column.rounded(.down)), Int(line.rounded(.down)))
        let (dx, dy) = (Float(column - Double(left)), Float(line - Double(top)))
        func pixel(_ x: Int, _ y: Int) -> Float {
            let (within, down) = (min(max(x, 0), image.width - 1), min(max(y, 0), image.height - 1))
            if let ground, (within, down) != (x, y) { return ground }
            return plane[plane.startIndex + down * image.width + within]
        }
        let upper = pixel(left, top) * (1 - dx) + pixel(left + 1, top) * dx
        let lower = pixel(left, top + 1) * (1 - dx) + pixel(left + 1, top + 1) * dx
        return upper * (1 - dy) + lower * dy
    }
}
