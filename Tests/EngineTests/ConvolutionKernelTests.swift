import CKernels
import Tensor
import Testing

@testable import Engine

/// Convolutions of every table against the definition in double precision, which fills the border with zeros.
@Suite struct ConvolutionKernelTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var size: (height: Int, width: Int)
        var channels: Int
        var outputs: Int
        var side: Int
        var stride: Int
        var padding: Int
        var testDescription: String { "\(size) \(channels)→\(outputs), \(side)/\(stride)/\(padding)" }

        var out: (height: Int, width: Int) {
            (
                (size.height + 2 * padding - side) / stride + 1,
                (size.width + 2 * padding - side) / stride + 1
            )
        }
    }

    static let cases: [Case] = [
        Case(size: (1, 1), channels: 16, outputs: 3, side: 3, stride: 1, padding: 1),
        Case(size: (4, 4), channels: 32, outputs: 64, side: 3, stride: 1, padding: 1),
        Case(size: (7, 5), channels: 20, outputs: 33, side: 3, stride: 1, padding: 1),
        Case(size: (8, 8), channels: 16, outputs: 16, side: 3, stride: 2, padding: 1),
        Case(size: (2, 50), channels: 8, outputs: 7, side: 3, stride: 1, padding: 1),
        Case(size: (11, 40), channels: 8, outputs: 20, side: 3, stride: 1, padding: 1),
        Case(size: (20, 22), channels: 4, outputs: 36, side: 5, stride: 2, padding: 2),
        Case(size: (13, 19), channels: 12, outputs: 40, side: 3, stride: 1, padding: 1),
        Case(size: (26, 25), channels: 8, outputs: 20, side: 3, stride: 2, padding: 1),
        Case(size: (31, 29), channels: 4, outputs: 18, side: 7, stride: 2, padding: 3),
        Case(size: (24, 30), channels: 16, outputs: 32, side: 1, stride: 2, padding: 0),
        Case(size: (15, 14), channels: 4, outputs: 16, side: 3, stride: 1, padding: 0),
        Case(size: (32, 32), channels: 4, outputs: 64, side: 5, stride: 1, padding: 2),
    ]

    @Test(
        "a convolution leaves out what lies beside the map", arguments: InferenceKernelTests.tables, cases)
    func convolution(table: InferenceKernelTests.Table, how: Case) {
        let sample = ConvolutionSample(table, how)
        let found = sample.run(addend: nil, activation: SG_ACTIVATION_NONE)
        for (index, wanted) in sample.wanted.enumerated() {
            let error = abs(found[sample.at(index)] - wanted)
            #expect(error < sample.tolerance(index), "output \(index)")
        }
    }

    @Test(
        "a map is added before the ReLU, in its own place too", arguments: InferenceKernelTests.tables,
        [cases[1], cases[5]])
    func residual(table: InferenceKernelTests.Table, how: Case) {
        let sample = ConvolutionSample(table, how)
        var generator = RandomGenerator(seed: 19)
        let addend = generator.values(sample.count)
        let found = sample.run(addend: addend, activation: SG_ACTIVATION_ADD_RELU)
        for (index, wanted) in sample.wanted.enumerated() {
            let error = abs(found[sample.at(index)] - max(0, wanted + addend[sample.at(index)]))
            #expect(error < sample.tolerance(index), "output \(index)")
        }
    }

    @Test(
        "maps of several images, side by side in every pixel, give bitwise what each gives alone",
        arguments: InferenceKernelTests.tables,
        cases.filter { min($0.out.height, $0.out.width) < SG_LARGE_SIDE })
    func several(table: InferenceKernelTests.Table, how: Case) {
        compareSeveral(ConvolutionSample(table, how))
    }

    private func compareSeveral(_ sample: ConvolutionSample) {
        let how = sample.how
        var generator = RandomGenerator(seed: 20)
        for images in [2, 5, SG_IMAGES_MAX] {
            let maps = (0..<images).map { sample.another(Float($0 + 1) / Float(images)) }
            let addends = maps.map { _ in generator.values(sample.count) }
            let together = sample.run(
                .interleaved(maps, pixel: how.channels),
                addend: interleave(addends, pixel: sample.layer.columns), images: images,
                activation: SG_ACTIVATION_ADD_RELU)
            let alone = zip(maps, addends).map {
                sample.run($0, addend: $1, images: 1, activation: SG_ACTIVATION_ADD_RELU)
            }
            // The difference of two long arrays would take minutes to tell.
            let isSame = together == interleave(alone, pixel: sample.layer.columns)
            #expect(isSame, "\(images) images")
        }
    }

    /// Maps for Winograd's way: odd sides, squares that are cut, few rows for many channels, columns that fill no panel.
    static let transformed: [Case] = [
        (1, 1, 16, 3), (2, 3, 16, 40), (7, 5, 32, 33), (8, 8, 528, 16), (13, 19, 48, 16), (16, 16, 64, 64),
        (3, 70, 16, 18),
        (40, 41, 16, 16),
    ].map { Case(size: ($0.0, $0.1), channels: $0.2, outputs: $0.3, side: 3, stride: 1, padding: 1) }

    static let float32 = InferenceKernelTests.tables.filter { $0.kind == .f32 }

    @Test("transformed windows give what the definition gives", arguments: float32, transformed)
    func transformedWindows(table: InferenceKernelTests.Table, how: Case) {
        let sample = ConvolutionSample(table, how, isTransformed: true)
        var generator = RandomGenerator(seed: 22)
        let addend = generator.values(sample.count)
        let plain = sample.run(addend: nil, activation: SG_ACTIVATION_NONE)
        let added = sample.run(addend: addend, activation: SG_ACTIVATION_ADD_RELU)
        for (index, wanted) in sample.wanted.enumerated() {
            let at = sample.at(index)
            let errors = (abs(plain[at] - wanted), abs(added[at] - max(0, wanted + addend[at])))
            #expect(errors.0 < 5e-5 && errors.1 < 5e-5, "output \(index)")
        }
    }

    @Test(
        "transformed windows of several images give bitwise what each gives alone", arguments: float32,
        transformed)
    func transformedSeveral(table: InferenceKernelTests.Table, how: Case) {
        compareSeveral(ConvolutionSample(table, how, isTransformed: true))
    }

    @Test("pooling with a border leaves it out", arguments: InferenceKernelTests.floating)
    func pool(table: InferenceKernelTests.Table) {
        let (height, width, channels) = (9, 6, 16)
        var generator = RandomGenerator(seed: 16)
        let map = Operand(
            table.kind, rows: height * width, columns: channels,
            values: generator.values(height * width * channels).map { $0 - 2 })
        var pooled = Operand(table.kind, rows: 5 * 3, columns: channels)
        map.bytes.withUnsafeBytes { map in
            pooled.fill { bytes, _, _ in
                var how = sg_pool(
                    x: map.baseAddress, y: bytes, height: height, width: width, channels: channels, side: 3,
                    stride: 2, padding: 1, out_height: 5, out_width: 3)
                sg_infer_pool(table.kernels, &how)
            }
        }
        for index in 0..<5 * 3 * channels {
            let (place, channel) = index.quotientAndRemainder(dividingBy: channels)
            let (y, x) = (place / 3 * 2 - 1, place % 3 * 2 - 1)
            let places = (0..<9).map { (y + $0 / 3, x + $0 % 3) }
                .filter { (0..<height).contains($0.0) && (0..<width).contains($0.1) }
            let largest = places.map { map.value(($0.0 * width + $0.1) * channels + channel) }.max()
            #expect(pooled.value(index) == largest)
        }
    }

    @Test("the mean of rows", arguments: InferenceKernelTests.floating, [1, 7, 50])
    func mean(table: InferenceKernelTests.Table, rows: Int) {
        var generator = RandomGenerator(seed: 17)
        let x = Operand(table.kind, rows: rows, columns: 32, values: generator.values(rows * 32))
        var y = Operand(table.kind, rows: 1, columns: 32)
        x.bytes.withUnsafeBytes { x in
            y.fill { bytes, _, _ in
                var how = sg_mean(
                    x: x.baseAddress, x_kind: Int32(table.kind.rawValue), x_row: 32, rows: rows, columns: 32,
                    out: bytes)
                sg_infer_mean(table.kernels, &how)
            }
        }
        for column in 0..<32 {
            let wanted = (0..<rows).reduce(Float(0)) { $0 + x.value($1 * 32 + column) } / Float(rows)
            let error = abs(y.value(column) - wanted)
            #expect(error < (table.kind == .f32 ? 1e-6 : 0.005))
        }
    }

    @Test("a map among others becomes the bytes that it becomes alone, and nothing beside it is touched")
    func bytesAmongOthers() {
        guard let table = InferenceKernelTests.tables.first(where: { $0.kind == .u8 }) else { return }
        var generator = RandomGenerator(seed: 21)
        let maps = (0..<3).map { image in generator.values(6 * 16).map { max(0, $0) * Float(image + 1) } }
        let all = interleave(maps, pixel: 16)
        for (image, map) in maps.enumerated() {
            var (alone, among) = ([UInt8](repeating: 9, count: 96), [UInt8](repeating: 9, count: 3 * 96))
            var scales: (Float, Float) = (.nan, .nan)
            sg_infer_to_bytes(table.kernels, map, Int32(SG_KIND_F32), 1, 96, 96, &alone, &scales.0)
            all.withUnsafeBufferPointer { all in
                among.withUnsafeMutableBufferPointer {
                    sg_infer_to_bytes(
                        table.kernels, all.baseAddress! + 16 * image, Int32(SG_KIND_F32), 6, 16, 48,
                        $0.baseAddress! + 16 * image, &scales.1)
                }
            }
            var wanted = Array(repeating: [UInt8](repeating: 9, count: 96), count: 3)
            wanted[image] = alone
            #expect(among == interleave(wanted, pixel: 16))
            #expect(scales.0 == scales.1)
        }
    }

    @Test("a map becomes bytes with one scale, zero stays zero")
    func bytes() {
        guard let table = InferenceKernelTests.tables.first(where: { $0.kind == .u8 }) else { return }
        var generator = RandomGenerator(seed: 18)
        var x = generator.values(96).map { max(0, $0) }
        for zeros in [false, true] {
            if zeros { x = x.map { _ in 0 } }
            var (bytes, scale) = ([UInt8](repeating: 9, count: 96), Float.nan)
            sg_infer_to_bytes(table.kernels, x, Int32(SG_KIND_F32), 1, 96, 96, &bytes, &scale)
            for (value, byte) in zip(x, bytes) {
                #expect(abs(scale * Float(byte) - value) <= 0.501 * scale)
                if value == 0 { #expect(byte == 0) }
            }
        }
    }
}

/// Maps side by side in every pixel.
private func interleave<Value>(_ maps: [[Value]], pixel: Int) -> [Value] {
    stride(from: 0, to: maps[0].count, by: pixel).flatMap { at in maps.flatMap { $0[at..<at + pixel] } }
}

extension Operand {
    /// Maps side by side in every pixel of so many values, with a scale for each.
    fileprivate static func interleaved(_ maps: [Operand], pixel: Int) -> Operand {
        var all = Operand(maps[0].kind, rows: maps.count, columns: maps[0].columns)
        all.bytes = interleave(maps.map(\.bytes), pixel: pixel * all.kind.size)
        all.scale = maps.map { $0.scale[0] }
        return all
    }
}

/// A random map and layer, whose convolution is known.
private struct ConvolutionSample {
    let table: InferenceKernelTests.Table
    let how: ConvolutionKernelTests.Case
    /// Whether it is done in Winograd's way.
    let isTransformed: Bool
    let map: Operand
    let layer: PackedLayer
    let store = WeightStore()
    /// (places, outputs), with the bias.
    private(set) var wanted: [Float]

    init(_ table: InferenceKernelTests.Table, _ how: ConvolutionKernelTests.Case, isTransformed: Bool = false)
    {
        (self.table, self.how, self.isTransformed) = (table, how, isTransformed)
        var generator = RandomGenerator(seed: 15)
        let pixels = how.size.height * how.size.width
        // Bytes by one scale, from 0; weights that bfloat16 and 8-bit integers hold exactly.
        let values = generator.values(pixels * how.channels).map { (($0 + 1) * 127).rounded() / 254 }
        map = Operand(
            table.kind, rows: 1, columns: pixels * how.channels,
            values: table.kind == .u8 ? [0, 1] + values.dropFirst(2) : values)
        let depth = how.side * how.side * how.channels
        let outputs = how.outputs
        let weight = generator.values(depth * outputs).enumerated().map {
            let value = $0 < outputs ? 1 : ($1 * 127).rounded() / 127
            return table.kind == .bf16
                ? Bfloat16.rounded(value) : value * ColumnSizes.size($0 % outputs, table.kind)
        }
        let bias = generator.values(outputs)
        layer = PackedLayer(
            table.kernels, depth: isTransformed ? WinogradWeights.places * how.channels : depth,
            outputs: outputs, bias: Tensor(shape: [outputs], values: bias), in: store
        ) { row, column in
            guard isTransformed else { return weight[row * outputs + column] }
            let window = (0..<9).map {
                weight[($0 * how.channels + row % how.channels) * outputs + column]
            }
            return WinogradWeights.value(window[...], row / how.channels, scale: 1)
        }
        var window = sg_window(
            height: how.size.height, width: how.size.width, channels: how.channels, window_height: how.side,
            window_width: how.side, stride: how.stride, padding: how.padding, out_height: how.out.height,
            out_width: how.out.width)
        wanted = [Float](repeating: 0, count: how.out.height * how.out.width * outputs)
        sg_naive_convolution((0..<map.count).map(map.value), weight, &wanted, outputs, &window)
        for index in wanted.indices { wanted[index] += bias[index % outputs] }
    }

    /// The number of values of the result, padding included.
    var count: Int { how.out.height * how.out.width * layer.columns }

    /// What a value of `wanted` may be off by.
    func tolerance(_ index: Int) -> Float { 5e-5 * ColumnSizes.tolerance(index % how.outputs, table.kind) }

    /// Where a value of `wanted` lies in a result.
    func at(_ index: Int) -> Int { index / how.outputs * layer.columns + index % how.outputs }

    /// Another map of the same size, up to `most`.
    func another(_ most: Float) -> Operand {
        var generator = RandomGenerator(seed: UInt64(1000 * most))
        let values = (0..<map.count).map { _ in most * abs(generator.uniform(-1..<1)) }
        return Operand(
            table.kind, rows: 1, columns: map.count,
            values: table.kind == .u8 ? [0, most] + values.dropFirst(2) : values)
    }

    func run(addend: [Float]?, activation: Int) -> [Float] {
        run(map, addend: addend, images: 1, activation: activation)
    }

    /// The convolution of the maps of so many images.
    func run(_ map: Operand, addend: [Float]?, images: Int, activation: Int) -> [Float] {
        // With an addend the result takes its place.
        var y = addend ?? [Float](repeating: .nan, count: count)
        let (height, width) = how.out
        let bytes = Int(
            isTransformed
                ? sg_infer_winograd_scratch(images, height, width, how.channels)
                : sg_infer_convolution_scratch(images, height * width, how.side, how.channels))
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        defer { scratch.deallocate() }
        map.bytes.withUnsafeBytes { x in
            map.scale.withUnsafeBufferPointer { scale in
                y.withUnsafeMutableBytes { y in
                    var convolution = sg_convolution(
                        w: layer.packed, images: images, x: x.baseAddress, x_scale: scale.baseAddress,
                        height: how.size.height,
                        width: how.size.width, channels: how.channels, side: how.side, stride: how.stride,
                        padding: how.padding, out_height: how.out.height, out_width: how.out.width,
                        addend: addend == nil ? nil : UnsafeRawPointer(y.baseAddress), y: y.baseAddress,
                        y_kind: Int32(SG_KIND_F32), activation: Int32(activation), scratch: scratch)
                    (isTransformed ? sg_infer_winograd : sg_infer_convolution)(table.kernels, &convolution)
                }
            }
        }
        return y
    }
}
