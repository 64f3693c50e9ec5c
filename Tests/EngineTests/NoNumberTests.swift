import CKernels
import SAME
import Tensor
import Testing

@testable import Engine

/// What is no number must not be lost on the way to a score, by which a fault is told.
@Suite struct NoNumberTests {
    typealias Table = InferenceKernelTests.Table
    static let bytes = InferenceKernelTests.tables.filter { $0.kind == .u8 }

    @Test(
        "the largest of a window is no number exactly where one of the window is none",
        arguments: InferenceKernelTests.floating)
    func pool(table: Table) {
        let (height, width, channels) = (5, 4, 32)
        for spoilt in 0..<height * width {
            var generator = RandomGenerator(seed: 51)
            var values = generator.values(height * width * channels)
            values[spoilt * channels + 17] = .nan
            let map = Operand(table.kind, rows: height * width, columns: channels, values: values)
            var pooled = Operand(table.kind, rows: 3 * 2, columns: channels)
            map.bytes.withUnsafeBytes { map in
                pooled.fill { bytes, _, _ in
                    var how = sg_pool(
                        x: map.baseAddress, y: bytes, height: height, width: width, channels: channels,
                        side: 3, stride: 2, padding: 1, out_height: 3, out_width: 2)
                    sg_infer_pool(table.kernels, &how)
                }
            }
            let (y, x) = spoilt.quotientAndRemainder(dividingBy: width)
            for index in 0..<3 * 2 * channels {
                let (place, channel) = index.quotientAndRemainder(dividingBy: channels)
                let isInside = abs(place / 2 * 2 - y) <= 1 && abs(place % 2 * 2 - x) <= 1
                #expect(pooled.value(index).isNaN == (isInside && channel == 17), "\(spoilt), \(index)")
            }
        }
    }

    @Test(
        "a row of bytes stands for no numbers where one of its values is none, the other rows for theirs",
        arguments: bytes, [Kind.f32, .bf16])
    func rowsOfBytes(table: Table, kind: Kind) {
        let (rows, columns) = (3, 112)
        for spoilt in 0..<columns {
            var generator = RandomGenerator(seed: 52)
            var values = generator.values(rows * columns)
            values[columns + spoilt] = .nan
            let from = Operand(kind, rows: rows, columns: columns, values: values)
            var out = Operand(.u8, rows: rows, columns: columns)
            from.bytes.withUnsafeBytes { from in
                out.fill { bytes, scale, zero in
                    var how = sg_convert(
                        x: from.baseAddress, x_kind: Int32(kind.rawValue), x_row: columns, rows: rows,
                        columns: columns, out: bytes, out_row: columns, scale: scale, zero: zero)
                    sg_infer_convert(table.kernels, &how)
                }
            }
            let found = (0..<rows).map { row in (0..<columns).map { out.value(row * columns + $0) } }
            #expect(found[1].allSatisfy { $0.isNaN }, "\(spoilt)")
            #expect((found[0] + found[2]).allSatisfy { abs($0) <= 1.01 }, "\(spoilt)")
        }
    }

    @Test("a map of bytes has no scale where one of its values is no number", arguments: bytes)
    func mapOfBytes(table: Table) {
        for spoilt in 0..<96 {
            var generator = RandomGenerator(seed: 53)
            var x = generator.values(96).map { max(0, $0) }
            x[spoilt] = .nan
            var (bytes, scale) = ([UInt8](repeating: 9, count: 96), Float(1))
            sg_infer_to_bytes(table.kernels, x, Int32(SG_KIND_F32), 2, 48, 48, &bytes, &scale)
            #expect(scale.isNaN, "\(spoilt)")
        }
    }

    @Test(
        "attention: no number in a key leaves none in any row, in a query none in its own, in a value none in its channel",
        arguments: InferenceKernelTests.floating, [1, 5, 33, 50])
    func attention(table: Table, tokens: Int) {
        for spoilt in Set([0, tokens / 2, tokens - 1]) {
            for part in 0..<3 {
                var head = AttentionTests.Head(table, tokens: tokens, isUniform: false)
                head.spoil(part, token: spoilt, channel: 13)
                for (index, value) in head.run(scale: 0.4).enumerated() {
                    let (token, channel) = index.quotientAndRemainder(dividingBy: head.channels)
                    let isNone = [token == spoilt, true, channel == 13][part]
                    #expect(
                        value.isNaN == isNone, "part \(part) of \(spoilt): row \(token), channel \(channel)")
                }
            }
        }
    }

    @Test("the largest value of a plane is no number where one is none", arguments: Models.levels)
    func planes(level: Int32) throws {
        let kernels = try #require(sg_infer_find(level, Int32(SG_KIND_F32)))
        let (height, width) = (5, 9)
        for spoilt in 0..<height * width {
            var plane = [Float](repeating: 0, count: sg_infer_plane(height, width))
            let first = sg_infer_plane_first(width)
            for place in 0..<height * width {
                plane[first + place / width * (width + 1) + place % width] = Float(place)
            }
            plane[first + spoilt / width * (width + 1) + spoilt % width] = .nan
            var (mean, peak) = (Float(0), Float(0))
            sg_infer_sum_up_planes(kernels, plane, 1, height, width, &mean, &peak)
            #expect(mean.isNaN && peak.isNaN, "\(spoilt)")
        }
    }

    @Test(
        "of a picture with a pixel that is no number no logit is one, and those beside it are what they are alone",
        arguments: Models.all, Models.levels)
    func pixels(models: Models, level: Int32) throws {
        let (_, auxiliary) = try models.networks()
        let predictor = Predictor(auxiliary, level: level)
        let image = models.autoencoder.image
        var rows = models.images(3, seed: 54)
        let whole = predictor.logits(rows)
        let middle = image.height / 2 * image.width + image.width / 2
        rows.values[image.count + middle] = .nan
        let found = predictor.logits(rows)
        #expect(found.row(1).allSatisfy { $0.isNaN })
        #expect(found.row(0) == whole.row(0) && found.row(2) == whole.row(2))
        let networks = auxiliary.logits(rows, workspace: Workspace())
        #expect(networks.row(1).allSatisfy { $0.isNaN }, "the networks themselves")
    }

    @Test(
        "of a row with a pixel that is no number neither the loss is one nor a probability, in every precision",
        arguments: Models.all, Plan.Precision.allCases)
    func plans(models: Models, precision: Plan.Precision) throws {
        guard precision.isSupported else { return }
        let plan = try models.plan(precision, level: sg_level_best())
        var rows = models.images(3, seed: 55)
        let whole = Results(plan, rows, plan.makeArena())
        let image = models.autoencoder.image
        rows.values[image.count + image.height / 2 * image.width] = .nan
        let found = Results(plan, rows, plan.makeArena())
        let spoilt = found.rows(1..<2)
        #expect(spoilt.losses.allSatisfy { $0.isNaN } && spoilt.probabilities.allSatisfy { $0.isNaN })
        #expect(found.rows(0..<1) == whole.rows(0..<1) && found.rows(2..<3) == whole.rows(2..<3))
    }
}
