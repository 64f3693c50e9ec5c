import Foundation
import SAME
import Tensor

/// Pictures of other things than the owner's, made of nothing but the owner's: what a detector learns to see and what terms
/// are weighed by, since no foreign data are at hand when a bundle is fitted.
struct SimulatedStrangers {
    enum Kind: String, CaseIterable {
        /// The owner's own, in another size on the canvas and turned a little: the same things from another source.
        case rescaled
        /// By a quarter, a half or three quarters.
        case turned
        /// Pen strokes: characters, sketches.
        case strokes
        /// Flat areas with hard edges: icons, diagrams.
        case shapes
        /// Smooth waves: what is in no picture of a thing.
        case clouds
        /// Two of the owner's at once.
        case blended
    }

    let image: ImageShape
    /// Pictures to begin with, and to take colours from. **Shapes** (N, C·H·W), canonical values.
    let own: Tensor

    /// What a detector learns from.
    static let training: [Kind] = [.turned, .strokes, .shapes]
    /// What terms are weighed by: kinds that no detector has met, or it would be heard for what it learnt by heart. On MNIST
    /// such a choice silenced `excess`, which alone sees digits from another source.
    static let validating: [Kind] = [.rescaled, .clouds, .blended]

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
        case .turned: turned(own.row(row), &generator)
        case .strokes: strokes(&generator)
        case .shapes: shapes(&generator)
        case .clouds: clouds(&generator)
        case .blended:
            zip(own.row(row), own.row(generator.integer(below: own.rows))).map { ($0 + $1) / 2 }
        }
    }

    // MARK: The owner's, otherwise

    private func rescaled(_ picture: ArraySlice<Float>, _ generator: inout RandomGenerator) -> [Float] {
        let grows = generator.uniform() < 0.5
        let zoom = grows ? 1.18 + 0.25 * generator.uniform() : 0.68 + 0.17 * generator.uniform()
        let angle = 0.35 * (generator.uniform() - 0.5)
        let (sine, cosine) = (sin(angle) / zoom, cos(angle) / zoom)
        return resampled(picture) { x, y in (cosine * x + sine * y, cosine * y - sine * x) }
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

    /// The picture looked up at other places, between pixels by lines; past its border the border goes on. Places count
    /// from the middle.
    private func resampled(
        _ picture: ArraySlice<Float>, _ place: (Double, Double) -> (Double, Double)
    ) -> [Float] {
        let (width, height) = (image.width, image.height)
        let middle = (x: Double(width - 1) / 2, y: Double(height - 1) / 2)
        var values = [Float](repeating: 0, count: image.count)
        for y in 0..<height {
            for x in 0..<width {
                let from = place(Double(x) - middle.x, Double(y) - middle.y)
                let column = min(max(from.0 + middle.x, 0), Double(width - 1))
                let line = min(max(from.1 + middle.y, 0), Double(height - 1))
                let (left, top) = (Int(column), Int(line))
                let (right, bottom) = (min(left + 1, width - 1), min(top + 1, height - 1))
                let (dx, dy) = (Float(column - Double(left)), Float(line - Double(top)))
                for channel in 0..<image.channels {
                    let base = picture.startIndex + channel * width * height
                    let upper =
                        picture[base + top * width + left] * (1 - dx) + picture[base + top * width + right]
                        * dx
                    let lower =
                        picture[base + bottom * width + left] * (1 - dx)
                        + picture[base + bottom * width + right] * dx
                    values[channel * width * height + y * width + x] = upper * (1 - dy) + lower * dy
                }
            }
        }
        return values
    }

    // MARK: Drawn

    private func strokes(_ generator: inout RandomGenerator) -> [Float] {
        let (paper, ink) = colours(&generator)
        let side = Double(min(image.width, image.height))
        let radius = side * (0.02 + 0.05 * generator.uniform())
        var points: [(x: Double, y: Double)] = []
        for _ in 0..<1 + generator.integer(below: 3) {
            let ends = (0..<3).map { _ in
                (
                    Double(image.width) * (0.2 + 0.6 * generator.uniform()),
                    Double(image.height) * (0.15 + 0.7 * generator.uniform())
                )
            }
            // A quadratic curve, as points closer than its pen is wide.
            for step in 0...24 {
                let t = Double(step) / 24, s = 1 - t
                points.append(
                    (
                        s * s * ends[0].0 + 2 * s * t * ends[1].0 + t * t * ends[2].0,
                        s * s * ends[0].1 + 2 * s * t * ends[1].1 + t * t * ends[2].1
                    ))
            }
        }
        return painted { x, y in
            let nearest = points.reduce(Double.infinity) {
                min($0, ($1.x - x) * ($1.x - x) + ($1.y - y) * ($1.y - y))
            }
            let share = Float(min(max(radius + 0.5 - nearest.squareRoot(), 0), 1))
            return zip(paper, ink).map { $0 + share * ($1 - $0) }
        }
    }

    private func shapes(_ generator: inout RandomGenerator) -> [Float] {
        struct Figure {
            var x, y, width, height: Double
            var isEllipse: Bool
            var colour: [Float]
        }
        let (ground, first) = colours(&generator)
        let figures = (0..<1 + generator.integer(below: 4)).map { index in
            Figure(
                x: Double(image.width) * (0.2 + 0.6 * generator.uniform()),
                y: Double(image.height) * (0.2 + 0.6 * generator.uniform()),
                width: Double(image.width) * (0.1 + 0.3 * generator.uniform()),
                height: Double(image.height) * (0.1 + 0.3 * generator.uniform()),
                isEllipse: generator.uniform() < 0.5, colour: index == 0 ? first : colour(&generator))
        }
        return painted { x, y in
            var found = ground
            for figure in figures {
                let (dx, dy) = (abs(x - figure.x) / figure.width, abs(y - figure.y) / figure.height)
                if figure.isEllipse ? dx * dx + dy * dy < 1 : max(dx, dy) < 1 { found = figure.colour }
            }
            return found
        }
    }

    private func clouds(_ generator: inout RandomGenerator) -> [Float] {
        let waves = (0..<10).map { _ in
            (
                x: 8 * (generator.uniform() - 0.5), y: 8 * (generator.uniform() - 0.5),
                phase: 2 * Double.pi * generator.uniform()
            )
        }
        let (low, high) = colours(&generator)
        return painted { x, y in
            var sum = 0.0
            for wave in waves {
                let turns = wave.x * x / Double(image.width) + wave.y * y / Double(image.height)
                sum += cos(2 * Double.pi * turns + wave.phase) / (1 + abs(wave.x) + abs(wave.y))
            }
            let share = Float(1 / (1 + exp(-3 * sum)))
            return zip(low, high).map { $0 + share * ($1 - $0) }
        }
    }

    /// Two colours of the owner's pictures that can be told apart; black and white where chance finds none.
    private func colours(_ generator: inout RandomGenerator) -> ([Float], [Float]) {
        for _ in 0..<16 {
            let (a, b) = (colour(&generator), colour(&generator))
            if zip(a, b).contains(where: { abs($0 - $1) > 0.5 }) { return (a, b) }
        }
        return ([Float](repeating: -1, count: image.channels), [Float](repeating: 1, count: image.channels))
    }

    /// The colour of some pixel of some picture.
    private func colour(_ generator: inout RandomGenerator) -> [Float] {
        let plane = image.width * image.height
        let picture = own.row(generator.integer(below: own.rows))
        let pixel = generator.integer(below: plane)
        return (0..<image.channels).map { picture[picture.startIndex + $0 * plane + pixel] }
    }

    private func painted(_ colour: (Double, Double) -> [Float]) -> [Float] {
        let plane = image.width * image.height
        var values = [Float](repeating: 0, count: image.count)
        for pixel in 0..<plane {
            let found = colour(Double(pixel % image.width), Double(pixel / image.width))
            for channel in 0..<image.channels { values[channel * plane + pixel] = found[channel] }
        }
        return values
    }
}
