import CKernels
import Tensor
import Testing

@testable import Engine

/// Convolutions, halvings and sums over planes at every level of instructions, against definitions in double precision.
@Suite struct PlaneKernelTests {
    /// One pixel, fewer than a vector has, ends that no tile fits, blocks of outputs of every size.
    private static let cases: [ConvolutionKernelTests.Case] = [
        ((1, 1), 1, 1),
        ((3, 2), 4, 2),
        ((7, 7), 12, 24),
        ((2, 50), 3, 7),
        ((28, 28), 6, 6),
        ((13, 19), 5, 11),
        ((16, 47), 2, 17),
        ((33, 31), 9, 20),
    ].map { (size: (Int, Int), channels: Int, outputs: Int) in
        ConvolutionKernelTests.Case(
            size: size, channels: channels, outputs: outputs, side: 3, stride: 1, padding: 1)
    }

    @Test("a convolution takes what lies beside the map as zero", arguments: Models.levels, cases)
    func convolution(level: Int32, how: ConvolutionKernelTests.Case) throws {
        let kernels = try #require(sg_infer_find(level, Int32(SG_KIND_F32)))
        var generator = RandomGenerator(seed: 41)
        let (height, width) = how.size
        let image = generator.values(how.channels * height * width)
        let weight = generator.values(how.outputs * how.channels * 9)
        let bias = generator.values(how.outputs)
        var packed = [Float](repeating: .nan, count: weight.count)
        sg_infer_pack_planes(kernels, weight, how.channels, how.outputs, &packed)
        let x = Planes(image, how.channels, height, width)
        // What an earlier layer has left is no border.
        var y = [Float](repeating: .nan, count: how.outputs * sg_infer_plane(height, width))
        var planes = sg_planes(
            x: nil, w: nil, bias: nil, y: nil, inputs: how.channels, outputs: how.outputs, height: height,
            width: width)
        x.values.withUnsafeBufferPointer { x in
            packed.withUnsafeBufferPointer { w in
                bias.withUnsafeBufferPointer { bias in
                    y.withUnsafeMutableBufferPointer { y in
                        (planes.x, planes.w) = (x.baseAddress, w.baseAddress)
                        (planes.bias, planes.y) = (bias.baseAddress, y.baseAddress)
                        sg_infer_planes(kernels, &planes)
                    }
                }
            }
        }
        var window = sg_window(
            height: height, width: width, channels: how.channels, window_height: 3, window_width: 3,
            stride: 1,
            padding: 1, out_height: height, out_width: width)
        // The oracle's maps are channels last, its weights (window, inputs, outputs).
        let pixels = height * width
        let last = (0..<image.count).map { image[$0 % how.channels * pixels + $0 / how.channels] }
        let turned = (0..<weight.count).map { at in
            let (row, output) = at.quotientAndRemainder(dividingBy: how.outputs)
            return weight[(output * how.channels + row % how.channels) * 9 + row / how.channels]
        }
        var wanted = [Float](repeating: 0, count: pixels * how.outputs)
        sg_naive_convolution(last, turned, &wanted, how.outputs, &window)
        let found = Planes(y, how.outputs, height, width, isLaidOut: true)
        for place in 0..<pixels {
            for output in 0..<how.outputs {
                let sum = max(0, wanted[place * how.outputs + output] + bias[output])
                #expect(abs(found.pixel(output, place) - sum) < 5e-5, "output \(output) at \(place)")
            }
        }
        #expect(found.hasBorders)
    }

    @Test("halving takes means of squares and drops an odd line and column", arguments: Models.levels)
    func halving(level: Int32) throws {
        let kernels = try #require(sg_infer_find(level, Int32(SG_KIND_F32)))
        for (height, width) in [(2, 2), (7, 5), (28, 28), (9, 66)] {
            var generator = RandomGenerator(seed: 42)
            let image = generator.values(3 * height * width)
            let x = Planes(image, 3, height, width)
            var y = [Float](repeating: .nan, count: 3 * sg_infer_plane(height / 2, width / 2))
            sg_infer_halve_planes(kernels, x.values, 3, height, width, &y)
            let found = Planes(y, 3, height / 2, width / 2, isLaidOut: true)
            for channel in 0..<3 {
                for place in 0..<(height / 2) * (width / 2) {
                    let at =
                        (channel * height + place / (width / 2) * 2) * width + place % (width / 2) * 2
                    let sum = image[at] + image[at + 1] + image[at + width] + image[at + width + 1]
                    #expect(abs(found.pixel(channel, place) - sum / 4) < 1e-6)
                }
            }
            #expect(found.hasBorders)
        }
    }

    @Test("means and largest values are of the pixels alone", arguments: Models.levels)
    func summary(level: Int32) throws {
        let kernels = try #require(sg_infer_find(level, Int32(SG_KIND_F32)))
        for (height, width) in [(1, 1), (7, 7), (5, 40)] {
            var generator = RandomGenerator(seed: 43)
            let image = generator.values(2 * height * width).map { max(0, $0) }
            var (means, peaks) = ([Float.nan, .nan], [Float.nan, .nan])
            sg_infer_sum_up_planes(
                kernels, Planes(image, 2, height, width).values, 2, height, width, &means, &peaks)
            for channel in 0..<2 {
                let pixels = image[channel * height * width..<(channel + 1) * height * width]
                #expect(abs(means[channel] - pixels.reduce(0, +) / Float(pixels.count)) < 1e-6)
                #expect(peaks[channel] == pixels.max())
            }
        }
    }
}

/// Channels-first maps as the kernels lay them out.
private struct Planes {
    private(set) var values: [Float]
    private let channels: Int, height: Int, width: Int

    init(_ given: [Float], _ channels: Int, _ height: Int, _ width: Int, isLaidOut: Bool = false) {
        (self.channels, self.height, self.width) = (channels, height, width)
        values = isLaidOut ? given : [Float](repeating: 0, count: channels * sg_infer_plane(height, width))
        guard !isLaidOut else { return }
        for (index, value) in given.enumerated() {
            let (channel, place) = index.quotientAndRemainder(dividingBy: height * width)
            values[at(channel, place / width, place % width)] = value
        }
    }

    private func at(_ channel: Int, _ line: Int, _ column: Int) -> Int {
        channel * sg_infer_plane(height, width) + sg_infer_plane_first(width) + line * (width + 1) + column
    }

    func pixel(_ channel: Int, _ place: Int) -> Float { values[at(channel, place / width, place % width)] }

    /// Whether a zero lies on every side of every pixel at the border.
    var hasBorders: Bool {
        (0..<channels).allSatisfy { channel in
            let sides = (-1...height).flatMap { [at(channel, $0, -1), at(channel, $0, width)] }
            let ends = (-1...width).flatMap { [at(channel, -1, $0), at(channel, height, $0)] }
            return (sides + ends).allSatisfy { values[$0] == 0 }
        }
    }
}
