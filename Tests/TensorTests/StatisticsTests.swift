import Foundation
import Testing

@testable import Tensor

/// Plain statistics against their definitions in double precision.
@Suite("Pixel statistics")
struct StatisticsTests {
    @Test(
        "every statistic is what its definition says, whatever the picture's shape",
        arguments: [
            ImageShape(channels: 1, height: 28, width: 28), .init(channels: 3, height: 9, width: 12),
            .init(channels: 2, height: 5, width: 3), .init(channels: 1, height: 1, width: 5),
            .init(channels: 1, height: 2, width: 2), .init(channels: 4, height: 3, width: 7),
        ])
    func definitions(image: ImageShape) {
        for seed in 0..<4 {
            let picture = Self.picture(image, seed: UInt64(seed))
            let found = Self.statistics(picture, image)
            let wanted = Self.wanted(picture, image)
            #expect(found.count == wanted.count)
            for (index, pair) in zip(found, wanted).enumerated() {
                #expect(abs(Double(pair.0) - pair.1) < 2e-5, "\(index) of \(image)")
            }
            let frames = zip(Self.frame(picture, image), Self.wantedFrame(Self.luma(picture, image), image))
            for (found, wanted) in frames { #expect(abs(Double(found) - wanted) < 1e-6, "\(image)") }
        }
    }

    @Test("a pixel that is no number shows")
    func noNumber() {
        let image = ImageShape(channels: 1, height: 8, width: 8)
        var picture = Self.picture(image, seed: 9)
        picture[20] = .nan
        #expect(Self.statistics(picture, image).contains { $0.isNaN })
    }

    /// Bytes as pictures have them: runs of black and white between greys.
    private static func picture(_ image: ImageShape, seed: UInt64) -> [Float] {
        var generator = RandomGenerator(seed: seed)
        return (0..<image.count).map { _ in
            let level = generator.integer(below: 4)
            let value = level == 0 ? 0 : level == 1 ? 255 : generator.integer(below: 256)
            return Float(value) / 127.5 - 1
        }
    }

    private static func statistics(_ picture: [Float], _ image: ImageShape) -> [Float] {
        var scratch = [Float](repeating: 0, count: Kernels.statisticsScratch(image) + 1)
        var found = [Float](repeating: 0, count: Kernels.statisticsCount(channels: image.channels))
        Kernels.statistics(of: picture, image, scratch: &scratch, into: &found)
        return found
    }

    private static func frame(_ picture: [Float], _ image: ImageShape) -> [Float] {
        var scratch = [Float](repeating: 0, count: Kernels.frameScratch(image) + 1)
        var found = [Float](repeating: 0, count: Kernels.frameCount)
        Kernels.frame(of: picture, image, scratch: &scratch, into: &found)
        return found
    }

    // MARK: The definitions

    private static func mean(_ values: [Double]) -> Double {
        values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
    }

    private static func share(_ values: [Double], _ holds: (Double) -> Bool) -> Double {
        mean(values.map { holds($0) ? 1 : 0 })
    }

    /// The values at offsets from every place where all of them are inside.
    private static func places(
        _ x: [Double], _ height: Int, _ width: Int, _ offsets: [(y: Int, x: Int)]
    ) -> [[Double]] {
        var found: [[Double]] = []
        for y in 0..<height {
            for column in 0..<width {
                let at = offsets.map { (y: y + $0.y, x: column + $0.x) }
                guard at.allSatisfy({ (0..<height).contains($0.y) && (0..<width).contains($0.x) }) else {
                    continue
                }
                found.append(at.map { x[$0.y * width + $0.x] })
            }
        }
        return found
    }

    private static func diagonal(_ x: [Double], _ image: ImageShape) -> [Double] {
        places(x, image.height, image.width, [(0, 0), (0, 1), (1, 0), (1, 1)]).map {
            ($0[0] - $0[1] - $0[2] + $0[3]) / 2
        }
    }

    private static func plane(_ x: [Double], _ image: ImageShape) -> [Double] {
        let (height, width) = (image.height, image.width)
        let right = places(x, height, width, [(0, 0), (0, 1)]),
            down = places(x, height, width, [(0, 0), (1, 0)])
        let laplacian = places(x, height, width, [(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)]).map {
            4 * $0[0] - $0[1] - $0[2] - $0[3] - $0[4]
        }
        let diagonal = diagonal(x, image)
        let step = { (pair: [Double]) in abs(pair[1] - pair[0]) }
        let isFlat = { (pair: [Double]) in step(pair) < 0.012 ? 1.0 : 0 }
        let logarithm = { (value: Double) in log(value + 1e-4) }
        let root = { (values: [Double]) in mean(values.map { $0 * $0 }).squareRoot() }
        let level = mean(x)
        return [
            level, root(x.map { $0 - level }), logarithm(mean(right.map(step)) + mean(down.map(step))),
            logarithm(root(laplacian)), logarithm(root(diagonal)), logarithm(mean(laplacian.map(abs))),
            logarithm(mean(diagonal.map(abs))),
            logarithm(mean(right.map { pow(step($0), 2) })) - logarithm(mean(down.map { pow(step($0), 2) })),
            share(x) { $0 <= -0.995 }, share(x) { $0 >= 0.995 }, share(x) { $0 > -0.995 && $0 < -0.5 },
            share(x) { $0 > 0.85 && $0 < 0.995 }, mean(right.map(isFlat)), mean(down.map(isFlat)),
            mean(right.map { $0[1] > -0.995 ? isFlat($0) : 0 }),
        ]
    }

    /// The shares of the height and of the width without anything shown, ascending.
    private static func wantedFrame(_ x: [Double], _ image: ImageShape) -> [Double] {
        let (height, width) = (image.height, image.width)
        let lines = (0..<height).map { Array(x[$0 * width..<($0 + 1) * width]) }
        let border = (lines[0] + lines[height - 1] + lines.flatMap { [$0[0], $0[width - 1]] }).map {
            (($0 + 1) * 127.5).rounded()
        }
        let ground = border.sorted()[border.count / 2] / 127.5 - 1
        let shown = (0..<height * width).filter { abs(x[$0] - ground) > 0.25 }
        func empty(_ places: [Int], _ side: Int) -> Double {
            guard let first = places.min(), let last = places.max() else { return 1 }
            return Double(side - (last + 1 - first)) / Double(side)
        }
        return [empty(shown.map { $0 / width }, height), empty(shown.map { $0 % width }, width)].sorted()
    }

    @Test("a frame is what lies around what a picture shows, whatever it stands on")
    func frames() {
        let image = ImageShape(channels: 1, height: 10, width: 20)
        for (ground, ink) in [(Float(-1), Float(1)), (0.2, -0.4)] {
            var picture = [Float](repeating: ground, count: image.count)
            #expect(Self.frame(picture, image) == [1, 1])
            for place in [3 * 20 + 4, 7 * 20 + 9] { picture[place] = ink }
            // Rows 3 to 7 of 10, columns 4 to 9 of 20.
            #expect(Self.frame(picture, image) == [0.5, 0.7])
            // What is hardly there is not shown.
            picture[0] = ground + 0.2
            #expect(Self.frame(picture, image) == [0.5, 0.7])
        }
    }

    private static func channels(_ picture: [Float], _ image: ImageShape) -> [[Double]] {
        let size = image.height * image.width
        return (0..<image.channels).map { c in picture[c * size..<(c + 1) * size].map(Double.init) }
    }

    /// The mean of the channels.
    private static func luma(_ picture: [Float], _ image: ImageShape) -> [Double] {
        let channels = channels(picture, image)
        return channels[0].indices.map { at in mean(channels.map { $0[at] }) }
    }

    private static func wanted(_ picture: [Float], _ image: ImageShape) -> [Double] {
        let (channels, luma) = (channels(picture, image), luma(picture, image))
        var found = plane(luma, image)
        guard image.channels > 1 else { return found }
        for channel in channels { found += plane(zip(channel, luma).map { $0 - $1 }, image).prefix(5) }
        for (left, next) in zip(channels, channels.dropFirst()) {
            let pairs = zip(diagonal(left, image), diagonal(next, image)).map { (2 * $0, 2 * $1) }
            let (a, b) = (pairs.reduce(0) { $0 + $1.0 * $1.0 }, pairs.reduce(0) { $0 + $1.1 * $1.1 })
            found.append(pairs.reduce(0) { $0 + $1.0 * $1.1 } / (a * b + 1e-6).squareRoot())
        }
        return found
    }
}
