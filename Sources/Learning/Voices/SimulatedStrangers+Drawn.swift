import Foundation
import SAME
import Tensor

/// Pictures of no thing at all, in the owner's colours.
extension SimulatedStrangers {
    func strokes(_ generator: inout RandomGenerator) -> [Float] {
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

    func shapes(_ generator: inout RandomGenerator) -> [Float] {
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

    func clouds(_ generator: inout RandomGenerator) -> [Float] {
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
    func colour(_ generator: inout RandomGenerator) -> [Float] {
        let plane = image.width * image.height
        let picture = own.row(generator.integer(below: own.rows))
        let pixel = generator.integer(below: plane)
        return (0..<image.channels).map { picture[picture.startIndex + $0 * plane + pixel] }
    }

    func painted(_ colour: (Double, Double) -> [Float]) -> [Float] {
        let plane = image.width * image.height
        var values = [Float](repeating: 0, count: image.count)
        for pixel in 0..<plane {
            let found = colour(Double(pixel % image.width), Double(pixel / image.width))
            for channel in 0..<image.channels { values[channel * plane + pixel] = found[channel] }
        }
        return values
    }
}
