import CKernels
import Tensor
import Testing

@testable import Engine

/// The scoring kernels of every table the processor has, against definitions in double precision.
@Suite struct InferenceKernelTests {
    /// A table and the kind of its left sides.
    struct Table: Sendable, CustomTestStringConvertible {
        let level: Int32
        let kind: Kind
        /// What the table is chosen without: 8 bits have another where there is no bfloat16.
        var hidden = 0
        var found: OpaquePointer? {
            MaskedDispatch.without(hidden) { sg_infer_find(level, Int32(kind.rawValue)) }
        }
        var kernels: OpaquePointer { found! }
        var testDescription: String {
            String(cString: sg_infer_name(kernels)) + (hidden == 0 ? "" : ", masked")
        }
    }

    static let tables: [Table] = Models.levels.flatMap { level in
        [(Kind.f32, 0), (.bf16, 0), (.u8, 0), (.u8, Int(SG_HIDE_BF16))].compactMap {
            let table = Table(level: level, kind: $0, hidden: $1)
            return table.found == nil ? nil : table
        }
    }
    static let floating = tables.filter { $0.kind != .u8 }
    static let rows = [1, 7, 50, 257]

    @Test("a product with bias and addend is the sum it stands for", arguments: tables, rows)
    func linear(table: Table, rows: Int) {
        for (depth, outputs) in [(3, 1), (40, 33), (192, 100)] {
            let sample = Sample(table, rows: rows, depth: depth, outputs: outputs)
            var generator = RandomGenerator(seed: 8)
            let addend = generator.values(rows * sample.layer.columns)
            var found = [Float](repeating: .nan, count: rows * sample.layer.columns)
            addend.withUnsafeBufferPointer {
                sample.run(into: &found, .f32, activation: Int(SG_ACTIVATION_NONE), addend: $0.baseAddress)
            }
            for (index, value) in found.enumerated() {
                let (row, column) = index.quotientAndRemainder(dividingBy: sample.layer.columns)
                // Of many rows the first and last tiles, and some between.
                guard row < 13 || row > rows - 13 || row % 16 == 0 else { continue }
                let wanted = sample.exact(row, column) + Double(addend[index])
                let tolerance = 2e-5 * Double(ColumnSizes.tolerance(column, table.kind))
                #expect(abs(Double(value) - wanted) < tolerance, "row \(row), column \(column)")
            }
        }
    }

    @Test("GELU and ReLU are applied to the sums, in Float32 and rounded to bfloat16", arguments: tables)
    func activations(table: Table) {
        let sample = Sample(table, rows: 13, depth: 24, outputs: 40, size: 4)
        let sums = (0..<13 * 48).map { Float(sample.exact($0 / 48, $0 % 48)) }
        var (gelu, naive) = ([Float](repeating: 0, count: 13 * 48), sums)
        sg_naive_gelu(sums, &naive, sums.count)
        sample.run(into: &gelu, .f32, activation: SG_ACTIVATION_GELU)
        // Lower precisions take Φ past 3.625 as 0 or 1, which is 5e-4 of the value there.
        for (index, (found, wanted)) in zip(gelu, naive).enumerated() {
            let size = ColumnSizes.tolerance(index % 48, table.kind)
            let tolerance = table.kind == .f32 ? 4e-6 * max(1, abs(wanted)) : 6e-4 * (size + abs(wanted))
            #expect(abs(found - wanted) < tolerance)
        }
        var relu = [UInt16](repeating: 0, count: 13 * 48)
        sample.run(into: &relu, .bf16, activation: SG_ACTIVATION_RELU)
        for (index, (bits, sum)) in zip(relu, sums).enumerated() {
            let error = abs(Bfloat16.value(bits) - max(0, sum))
            #expect(error <= 0.005 * abs(sum) + 1e-5 * ColumnSizes.tolerance(index % 48, table.kind))
        }
    }

    @Test(
        "what is no number stays none, whatever is applied to it", arguments: tables,
        [SG_ACTIVATION_NONE, SG_ACTIVATION_GELU, SG_ACTIVATION_RELU, SG_ACTIVATION_ADD_RELU])
    func noNumber(table: Table, activation: Int) {
        let sample = Sample(table, rows: 13, depth: 24, outputs: 40, spoilt: 21)
        let columns = sample.layer.columns
        var found = [Float](repeating: 0, count: 13 * columns)
        sample.run(into: &found, .f32, activation: activation)
        for (index, value) in found.enumerated() { #expect(value.isNaN == (index % columns == 21)) }
    }

    @Test("weights that are nothing beside any other are 0: some processors are slow with them")
    func deadWeights() {
        #expect(Float(1e-40).flushed == 0 && Float(-1e-31).flushed == 0 && Float(-1e-29).flushed == -1e-29)
        #expect(Float.nan.flushed.isNaN && Float.infinity.flushed == .infinity)
    }

    @Test(
        "a column's weights are integers by a scale of its own, all 0 where the column is nothing",
        arguments: tables.filter { $0.kind == .u8 })
    func columnScales(table: Table) {
        let (depth, columns) = (12, 48)
        var generator = RandomGenerator(seed: 9)
        let weight = generator.values(depth * columns).enumerated().map {
            $1 * ColumnSizes.size($0 % columns, .u8)
        }
        var panels = [Int8](repeating: 99, count: sg_infer_packed_bytes(table.kernels, depth, columns))
        var (scale, offset) = (
            [Float](repeating: .nan, count: columns), [Float](repeating: .nan, count: columns)
        )
        sg_infer_pack(table.kernels, weight, depth, columns, &panels, &scale, &offset)
        for column in 0..<columns {
            let values = (0..<depth).map { weight[$0 * columns + column] }
            let most = values.map(\.magnitude).max() ?? 0
            #expect(abs(scale[column] - (most < 1e-30 ? 0 : most / 127)) <= 1e-6 * most)
            // Panels of 32 columns, the last of 16, four values of depth side by side.
            let (first, width) = column < 32 ? (0, 32) : (32, 16)
            let steps = (0..<depth).map { row in
                Int(panels[first * depth + (row / 4 * width + column - first) * 4 + row % 4])
            }
            for (value, step) in zip(values, steps) {
                #expect(abs(scale[column] * Float(step) - value) <= 0.501 * scale[column] + 1e-30)
            }
            let sum = scale[column] * Float(steps.reduce(0, +))
            #expect(abs(offset[column] - sum) <= 1e-6 * abs(sum))
        }
        #expect(scale[ColumnSizes.zero] == 0 && scale[ColumnSizes.denormal] == 0)
    }

    @Test("LayerNorm of rows far from zero, an addend after it", arguments: tables, [1, 15, 16, 36, 192])
    func norm(table: Table, columns: Int) {
        let (rows, row) = (7, roundUp(columns))
        var generator = RandomGenerator(seed: 3)
        var (x, naive) = (
            [Float](repeating: 0, count: rows * row), [Float](repeating: 0, count: rows * columns)
        )
        let dense = generator.values(rows * columns).map { 3 * $0 + 5 }
        for index in dense.indices { x[index / columns * row + index % columns] = dense[index] }
        let (gamma, beta) = (generator.values(columns), generator.values(columns))
        sg_naive_layernorm(dense, gamma, beta, &naive, rows, columns, 1e-5)
        let addend = generator.values(rows * row)
        let store = WeightStore()
        var norm = sg_norm(
            x: store.padded(x), x_row: row, rows: rows, columns: columns, gamma: store.padded(gamma),
            beta: store.padded(beta), epsilon: 1e-5, addend: store.padded(addend), addend_row: row, out: nil,
            out_row: row, scale: nil, zero: nil, line: store.floats(row))
        var out = Operand(table.kind, rows: rows, columns: row)
        out.fill { bytes, scale, zero in
            (norm.out, norm.scale, norm.zero) = (bytes, scale, zero)
            sg_infer_norm(table.kernels, &norm)
        }
        for index in naive.indices {
            let at = index / columns * row + index % columns
            let wanted = naive[index] + addend[at]
            let error = abs(out.value(at) - wanted)
            // One column alone is its own mean: what is left is rounding, blown up by 1/√ε.
            let slack: Float = columns == 1 ? 1e-3 : 1e-5
            let rounding = table.kind == .bf16 ? 0.004 * abs(wanted) : out.step(at / row)
            #expect(error <= rounding + slack)
        }
    }

    /// An attention's sizes and scale; by the largest a query gives nearly all weight to one key.
    struct AttentionCase: Sendable, CustomTestStringConvertible {
        let tokens: Int
        let heads: Int
        let channels: Int
        let scale: Float
        var testDescription: String { "\(tokens) tokens, \(heads) heads of \(channels), scale \(scale)" }
    }

    static let attentions = [
        (1, 2, 8), (7, 1, 64), (50, 3, 64), (50, 4, 8), (257, 2, 20), (65, 1, 64), (33, 3, 12), (16, 2, 40),
    ].flatMap { sizes in
        [0.02, 0.4, 8].map { AttentionCase(tokens: sizes.0, heads: sizes.1, channels: sizes.2, scale: $0) }
    }

    @Test("attention is softmax(scale · q·kᵀ)·v for each head", arguments: floating, attentions)
    func attention(table: Table, sizes: AttentionCase) {
        let (tokens, channels) = (sizes.tokens, sizes.heads * sizes.channels)
        let (row, outRow) = (roundUp(3 * channels), roundUp(channels))
        var generator = RandomGenerator(seed: 4)
        let qkv = Operand(
            table.kind, rows: tokens, columns: row, values: generator.values(tokens * row).map { 2 * $0 })
        var out = Operand(table.kind, rows: tokens, columns: outRow)
        let scratch = UnsafeMutableRawPointer.allocate(
            byteCount: sg_infer_attention_scratch(tokens, sizes.channels), alignment: 64)
        defer { scratch.deallocate() }
        qkv.bytes.withUnsafeBytes { qkv in
            out.fill { bytes, _, _ in
                var how = sg_attention(
                    qkv: qkv.baseAddress, qkv_row: row, tokens: tokens, channels: channels,
                    heads: sizes.heads,
                    out: bytes, out_row: outRow, scale: sizes.scale, scratch: scratch)
                sg_infer_attention(table.kernels, &how)
            }
        }
        // A score's rounding, relative to some tens, is blown up by the scale.
        let tolerance = (table.kind == .f32 ? 5e-6 : 0.02) * max(1, 8 * sizes.scale)
        for head in 0..<sizes.heads {
            let wanted = Self.attention(qkv, head, sizes, row: row, channels: channels)
            for (index, value) in wanted.enumerated() {
                let (token, channel) = index.quotientAndRemainder(dividingBy: sizes.channels)
                let found = out.value(token * outRow + head * sizes.channels + channel)
                let error = abs(found - Float(value))
                #expect(error < tolerance)
            }
        }
        // What lies between rows belongs to nobody.
        for token in 0..<tokens {
            for pad in channels..<outRow { #expect(out.value(token * outRow + pad) == 0) }
        }
    }

    /// One head's result by definition: (tokens, channels of a head).
    private static func attention(
        _ qkv: Operand, _ head: Int, _ sizes: AttentionCase, row: Int, channels: Int
    ) -> [Double] {
        func part(_ which: Int, _ token: Int, _ channel: Int) -> Double {
            Double(qkv.value(token * row + which * channels + head * sizes.channels + channel))
        }
        var scores = [Float](repeating: 0, count: sizes.tokens * sizes.tokens)
        for (i, j) in (0..<scores.count).map({ $0.quotientAndRemainder(dividingBy: sizes.tokens) }) {
            scores[i * sizes.tokens + j] = Float(
                (0..<sizes.channels).reduce(0) { $0 + part(0, i, $1) * part(1, j, $1) })
        }
        var weights = scores
        sg_naive_softmax(scores, &weights, sizes.tokens, sizes.tokens, sizes.scale)
        return (0..<sizes.tokens * sizes.channels).map { index in
            let (i, channel) = index.quotientAndRemainder(dividingBy: sizes.channels)
            return (0..<sizes.tokens).reduce(0) {
                $0 + Double(weights[i * sizes.tokens + $1]) * part(2, $1, channel)
            }
        }
    }

    @Test(
        "a product over a window's lines is a convolution", arguments: floating, [(1, 5), (3, 32), (16, 33)])
    func convolution(table: Table, sizes: (channels: Int, outputs: Int)) {
        let group = Int(sg_infer_group(table.kernels))
        let channels = (sizes.channels + group - 1) / group * group
        let (height, width) = (9, 19)
        var generator = RandomGenerator(seed: 5)
        let image = Operand(
            table.kind, rows: 1, columns: height * width * channels,
            values: generator.values(height * width * channels))
        let weight = generator.values(9 * channels * sizes.outputs).map {
            table.kind == .bf16 ? Bfloat16.rounded($0) : $0
        }
        let store = WeightStore()
        let layer = PackedLayer(
            table.kernels, depth: 9 * channels, outputs: sizes.outputs,
            bias: Tensor(shape: [sizes.outputs]), in: store
        ) { weight[$0 * sizes.outputs + $1] }
        var window = sg_window(
            height: height, width: width, channels: channels, window_height: 3, window_width: 3, stride: 1,
            padding: 0, out_height: height - 2, out_width: width - 2)
        var naive = [Float](repeating: 0, count: 7 * 17 * sizes.outputs)
        sg_naive_convolution((0..<image.count).map(image.value), weight, &naive, sizes.outputs, &window)
        var found = [Float](repeating: .nan, count: 7 * 17 * layer.columns)
        image.bytes.withUnsafeBytes { image in
            found.withUnsafeMutableBytes { found in
                var product = layer.product(image.baseAddress!, rows: 17, into: found.baseAddress!, .f32)
                product.a_row = channels
                product.a_line = width * channels
                product.segments = 3
                product.segment = 3 * channels
                product.segment_stride = width * channels
                product.lines = 7
                product.c_line = 17 * layer.columns
                layer.run(product)
            }
        }
        for (index, wanted) in naive.enumerated() {
            let (place, output) = index.quotientAndRemainder(dividingBy: sizes.outputs)
            let error = abs(found[place * layer.columns + output] - wanted)
            #expect(error < 3e-5)
        }
    }

    @Test("pooling takes the largest of each window", arguments: floating)
    func pool(table: Table) {
        let (height, width, channels) = (7, 5, 32)
        var generator = RandomGenerator(seed: 6)
        let map = Operand(
            table.kind, rows: height * width, columns: channels,
            values: generator.values(height * width * channels))
        var pooled = Operand(table.kind, rows: 3 * 2, columns: channels)
        map.bytes.withUnsafeBytes { map in
            pooled.fill { bytes, _, _ in
                var how = sg_pool(
                    x: map.baseAddress, y: bytes, height: height, width: width, channels: channels, side: 2,
                    stride: 2, padding: 0, out_height: 3,
                    out_width: 2)
                sg_infer_pool(table.kernels, &how)
            }
        }
        for index in 0..<3 * 2 * channels {
            let (place, channel) = index.quotientAndRemainder(dividingBy: channels)
            let corner = place / 2 * 2 * width + place % 2 * 2
            let window = [corner, corner + 1, corner + width, corner + width + 1]
            let largest = window.map { map.value($0 * channels + channel) }.max()
            #expect(pooled.value(index) == largest)
        }
    }

    @Test(
        "patches are cut and joined without loss, channels first and last, and their distance is the pixels'")
    func patches() {
        let shape = ImageShape(channels: 3, height: 6, width: 9)
        var generator = RandomGenerator(seed: 7)
        let (image, other) = (generator.values(shape.count), generator.values(shape.count))
        var how = sg_patches(channels: 3, height: 6, width: 9, patch: 3, patch_row: 32)
        var (cut, cutOther) = ([Float](repeating: 9, count: 6 * 32), [Float](repeating: 4, count: 6 * 32))
        sg_infer_cut(&how, image, &cut)
        sg_infer_cut(&how, other, &cutOther)
        // The second patch's first channel's second line: pixels (1, 3) to (1, 5).
        #expect(Array(cut[32 + 3..<32 + 6]) == Array(image[12..<15]))
        var (first, last) = (other, other)
        sg_infer_join(&how, cut, &first, 9, 1, 54)
        sg_infer_join(&how, cut, &last, 27, 3, 1)
        #expect(first == image)
        let turned = (0..<162).map { index in image[index % 3 * 54 + index / 3] }
        #expect(last == turned)
        var distance = 0.0
        for (a, b) in zip(image, other) { distance += Double(a - b) * Double(a - b) }
        let error = abs(sg_infer_distance(&how, cut, cutOther) - distance)
        #expect(error < 1e-6 * distance)
    }

    @Test("every table has a peak to compare with", arguments: tables)
    func peak(table: Table) { #expect(sg_infer_peak(table.kernels, 2) > 0) }
}
