import CKernels
import Testing

@testable import Tensor

/// The fast kernels of every level against the naive ones, on row lengths that fill no vector.
@Suite struct KernelTests {
    static let shapes = [(1, 1), (7, 3), (1, 50), (50, 16), (5, 33), (3, 257)]

    @Test("softmax of rows, large and equal logits included", arguments: Kernels.levels)
    func softmax(level: Int32) {
        Kernels.withLevel(level) {
            var generator = RandomGenerator(seed: 1)
            for (rows, columns) in Self.shapes {
                for size: Float in [0, 1, 90] {
                    let x = values(rows * columns, &generator).map { $0 * size }
                    var (fast, naive) = (x, x)
                    Kernels.softmax(x, into: &fast, rows, columns, scale: 0.7)
                    sg_naive_softmax(x, &naive, rows, columns, 0.7)
                    #expect(worst(fast, naive) < 2e-6)
                }
            }
        }
    }

    @Test("LayerNorm of rows, far from zero included", arguments: Kernels.levels)
    func layerNorm(level: Int32) {
        Kernels.withLevel(level) {
            var generator = RandomGenerator(seed: 2)
            for (rows, columns) in Self.shapes {
                let x = values(rows * columns, &generator).map { 3 * $0 + 5 }
                let (gamma, beta) = (values(columns, &generator), values(columns, &generator))
                var (fast, naive) = (x, x)
                Kernels.layerNorm(
                    x, gamma: gamma, beta: beta, into: &fast, mean: nil, rstd: nil, rows, columns,
                    epsilon: 1e-5)
                sg_naive_layernorm(x, gamma, beta, &naive, rows, columns, 1e-5)
                // One column alone is its own mean: what is left is rounding, blown up by 1/√ε.
                #expect(worst(fast, naive) < (columns == 1 ? 1e-3 : 1e-5))
            }
        }
    }

    @Test("GELU and its slope over the whole range", arguments: Kernels.levels)
    func gelu(level: Int32) {
        Kernels.withLevel(level) {
            let x = (-2000...2000).map { Float($0) / 100 }
            let ones = [Float](repeating: 1, count: x.count)
            var (fast, naive) = (x, x)
            Kernels.gelu(x, into: &fast, x.count)
            sg_naive_gelu(x, &naive, x.count)
            #expect(zip(x, zip(fast, naive)).allSatisfy { x, y in abs(y.0 - y.1) <= 3e-7 * max(1, abs(x)) })
            Kernels.geluBackward(x, ones, into: &fast, x.count, accumulate: false)
            sg_naive_gelu_slope(x, &naive, x.count)
            #expect(worst(fast, naive) < 1e-6)
        }
    }

    @Test("unrolling an image and multiplying is a convolution", arguments: Kernels.levels)
    func convolution(level: Int32) {
        Kernels.withLevel(level) {
            for (channels, outputs, side, stride, padding) in [
                (1, 33, 3, 1, 0), (3, 5, 3, 2, 1), (17, 4, 5, 1, 2), (2, 3, 3, 1, 1), (8, 8, 3, 1, 1),
                (5, 2, 1, 1, 0), (11, 3, 3, 2, 2),
            ] {
                var generator = RandomGenerator(seed: 3)
                let window = Window(
                    height: 9, width: 7, channels: channels, side: (side, side), stride: stride,
                    padding: padding)
                let image = values(window.imageCount, &generator)
                let weight = values(window.count * outputs, &generator)
                var columns = [Float](repeating: .nan, count: window.places * window.count)
                var fast = [Float](repeating: 0, count: window.places * outputs)
                var naive = fast
                window.unroll(image, lines: 0..<window.outHeight, into: &columns, rowStride: window.count)
                columns.withUnsafeBufferPointer { columns in
                    weight.withUnsafeBufferPointer { weight in
                        Product(
                            Matrix(columns.baseAddress!, window.places, window.count),
                            Matrix(weight.baseAddress!, window.count, outputs), into: &fast
                        ).run(scratch: Arena())
                    }
                }
                var how = sg_window(
                    height: 9, width: 7, channels: channels, window_height: side, window_width: side,
                    stride: stride, padding: padding, out_height: window.outHeight, out_width: window.outWidth
                )
                sg_naive_convolution(image, weight, &naive, outputs, &how)
                #expect(worst(fast, naive) < 2e-5)
            }
        }
    }

    @Test(
        "what is no number stays none through ReLU, softmax and the largest of a window",
        arguments: Kernels.levels)
    func noNumber(level: Int32) {
        Kernels.withLevel(level) {
            for (count, spoilt) in [(1, 0), (5, 4), (33, 0), (33, 17), (33, 32)] {
                var generator = RandomGenerator(seed: 6)
                var x = values(count, &generator)
                x[spoilt] = .nan
                var (relu, softmax) = (x, x)
                Kernels.relu(x, into: &relu, count)
                let isRight = relu.indices.allSatisfy {
                    $0 == spoilt ? relu[$0].isNaN : relu[$0] == max(0, x[$0])
                }
                #expect(isRight, "\(count), \(spoilt)")
                Kernels.softmax(x, into: &softmax, 1, count, scale: 1)
                #expect(softmax.allSatisfy { $0.isNaN })
            }
            let window = Window(height: 5, width: 4, channels: 3, side: (3, 3), stride: 2, padding: 1)
            for spoilt in 0..<20 {
                var generator = RandomGenerator(seed: 7)
                var image = values(window.imageCount, &generator)
                image[3 * spoilt + 1] = .nan
                var pooled = [Float](repeating: 0, count: window.pooledCount)
                var places = [UInt16](repeating: 0, count: window.pooledCount)
                window.largest(image, into: &pooled, places: &places)
                for index in pooled.indices {
                    let (y, x) = (index / 3 / 2 * 2 - spoilt / 4, index / 3 % 2 * 2 - spoilt % 4)
                    #expect(pooled[index].isNaN == (index % 3 == 1 && abs(y) <= 1 && abs(x) <= 1))
                }
            }
        }
    }

    @Test(
        "rolling back is the transpose of unrolling: ⟨unroll x, y⟩ = ⟨x, roll back y⟩",
        arguments: Kernels.levels)
    func rollBack(level: Int32) {
        Kernels.withLevel(level) {
            var generator = RandomGenerator(seed: 4)
            for (side, stride, padding) in [(3, 1, 0), (3, 2, 1), (2, 2, 0), (5, 3, 2)] {
                let window = Window(
                    height: 8, width: 6, channels: 5, side: (side, side), stride: stride, padding: padding)
                let x = values(window.imageCount, &generator)
                let y = values(window.places * window.count, &generator)
                var unrolled = y
                var rolled = [Float](repeating: 0, count: x.count)
                window.unroll(x, lines: 0..<window.outHeight, into: &unrolled, rowStride: window.count)
                window.rollBack(y, addingTo: &rolled)
                let (left, right) = (dot(unrolled, y), dot(x, rolled))
                #expect(abs(left - right) < 1e-4)
            }
        }
    }

    @Test("columns are summed whatever their number and the rows'", arguments: Kernels.levels)
    func columnSums(level: Int32) {
        var generator = RandomGenerator(seed: 7)
        for (rows, columns) in [(1, 1), (3, 5), (4, 8), (50, 33), (7, 70), (257, 16), (1000, 12)] {
            let (x, start) = (values(rows * columns, &generator), values(columns, &generator))
            var found = start
            Kernels.withLevel(level) { Kernels.sumRows(x, into: &found, rows, columns) }
            for column in 0..<columns {
                let exact = (0..<rows).reduce(Double(start[column])) { $0 + Double(x[$1 * columns + column]) }
                #expect(abs(Double(found[column]) - exact) < 1e-4, "\(rows)x\(columns)")
            }
        }
    }

    @Test("a result may take an operand's place", arguments: Kernels.levels)
    func inPlace(level: Int32) {
        var generator = RandomGenerator(seed: 8)
        let (x, y) = (values(1003, &generator), values(1003, &generator))
        var (sum, positive, slopes) = (x, x, y)
        Kernels.withLevel(level) {
            sum.withUnsafeMutableBufferPointer {
                let base = $0.baseAddress!
                Kernels.add(base, y, into: base, x.count)
            }
            positive.withUnsafeMutableBufferPointer {
                let base = $0.baseAddress!
                Kernels.relu(base, into: base, x.count)
            }
            slopes.withUnsafeMutableBufferPointer {
                let base = $0.baseAddress!
                Kernels.reluBackward(x, base, into: base, x.count)
            }
        }
        #expect(sum == zip(x, y).map(+))
        #expect(positive == x.map { max($0, 0) })
        #expect(slopes == zip(x, y).map { $0 > 0 ? $1 : 0 })
    }

    @Test("sums agree with double arithmetic, and bit for bit between levels")
    func sums() {
        var generator = RandomGenerator(seed: 6)
        let (x, y) = (values(5003, &generator), values(5003, &generator))
        let exact = zip(x, y).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        let found = Kernels.levels.map { Kernels.withLevel($0) { Kernels.squaredDistance(x, y, x.count) } }
        #expect(abs(found[0] - exact) < 1e-4 * exact)
        #expect(Set(found).count == 1)
    }

    private func worst(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).map { abs($0 - $1) }.max() ?? 0 }

    private func dot(_ a: [Float], _ b: [Float]) -> Double {
        zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
}
