import CKernels
import Testing

@testable import Tensor

/// The fast matrix product against the naive one.
@Suite struct ProductTests {
    /// Rows, columns and depth that fill no tile, one, and several blocks of k.
    static let sizes = [
        (1, 1, 1), (1, 33, 7), (2, 50, 257), (3, 64, 64), (7, 50, 1), (12, 32, 16), (13, 31, 300),
        (50, 257, 7),
        (257, 50, 33), (25, 1, 513), (121, 64, 288), (4, 300, 0),
        // As narrow as one vector of some level, or a little less.
        (25, 4, 257), (50, 8, 72), (23, 16, 300), (11, 7, 9), (49, 15, 31),
    ]

    @Test("every level gives the naive product, with and without transposes", arguments: Kernels.levels)
    func levels(level: Int32) {
        Kernels.withLevel(level) {
            for (m, n, k) in Self.sizes {
                for variant in 0..<16 { check(m, n, k, variant) }
            }
        }
    }

    private func check(_ m: Int, _ n: Int, _ k: Int, _ variant: Int) {
        var generator = RandomGenerator(seed: UInt64(variant))
        let (turnA, turnB, accumulate, biased) = (
            variant & 1 != 0, variant & 2 != 0, variant & 4 != 0, variant & 8 != 0
        )
        let gap = 3
        var a = values((turnA ? k : m) * ((turnA ? m : k) + gap), &generator)
        var b = values((turnB ? n : k) * ((turnB ? k : n) + gap), &generator)
        var bias = values(n, &generator)
        let start = values(m * (n + gap), &generator)
        var (fast, naive) = (start, start)
        let left = matrix(&a, m, k, turned: turnA, gap)
        let right = matrix(&b, k, n, turned: turnB, gap)
        bias.withUnsafeMutableBufferPointer { bias in
            let bias = biased ? UnsafePointer(bias.baseAddress!) : nil
            fast.withUnsafeMutableBufferPointer {
                Product(
                    left, right, into: $0.baseAddress!, rowStride: n + gap, bias: bias, accumulate: accumulate
                )
                .run(scratch: Arena())
            }
            naive.withUnsafeMutableBufferPointer {
                Product(
                    left, right, into: $0.baseAddress!, rowStride: n + gap, bias: bias, accumulate: accumulate
                )
                .runNaively()
            }
        }
        left.base.deallocate()
        right.base.deallocate()
        let worst = zip(fast, naive).map { abs($0 - $1) }.max() ?? 0
        #expect(worst <= 3e-7 * Float(k + 8), "\(m)x\(n)x\(k) variant \(variant)")
    }

    /// A view over a copy that the caller frees.
    private func matrix(
        _ values: inout [Float], _ rows: Int, _ columns: Int, turned: Bool, _ gap: Int
    ) -> Matrix {
        let room = UnsafeMutablePointer<Float>.allocate(capacity: values.count + 1)
        room.update(from: values, count: values.count)
        if turned { return Matrix(room, columns, rows, rowStride: rows + gap).transposed }
        return Matrix(room, rows, columns, rowStride: columns + gap)
    }

    @Test(
        "one thread and several give the same bits",
        arguments: [(257, 300, 600), (12, 70, 3000), (1000, 33, 40)])
    func threads(m: Int, n: Int, k: Int) {
        var generator = RandomGenerator(seed: 5)
        let (a, b) = (values(m * k, &generator), values(k * n, &generator))
        let results = [1, 2, 5].map { threads in
            var c = [Float](repeating: 0, count: m * n)
            a.withUnsafeBufferPointer { a in
                b.withUnsafeBufferPointer { b in
                    c.withUnsafeMutableBufferPointer { c in
                        Product(
                            Matrix(a.baseAddress!, m, k), Matrix(b.baseAddress!, k, n), into: c.baseAddress!
                        )
                        .run(on: Workspace(threads: threads))
                    }
                }
            }
            return c.map(\.bitPattern)
        }
        #expect(results[0] == results[1] && results[0] == results[2])
    }
}

/// Uniform values in [−1, 1).
func values(_ count: Int, _ generator: inout RandomGenerator) -> [Float] {
    (0..<count).map { _ in generator.uniform(-1..<1) }
}
