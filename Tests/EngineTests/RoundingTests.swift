import CKernels
import Foundation
import Tensor
import Testing

@testable import Engine

/// What the kernels in Float32 lose to rounding, beside what they could not keep.
@Suite struct RoundingTests {
    typealias Table = InferenceKernelTests.Table
    static let tables = InferenceKernelTests.tables.filter { $0.kind == .f32 }

    private func rms(_ errors: [Double]) -> Double {
        (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
    }

    @Test("a long sum loses less than one that is added up from end to end", arguments: tables)
    func sums(table: Table) {
        let (rows, outputs) = (13, 64)
        let sample = Sample(table, rows: rows, depth: 768, outputs: outputs)
        var found = [Float](repeating: .nan, count: rows * outputs)
        // As it is added to the stream.
        let stream = [Float](repeating: 0, count: found.count)
        stream.withUnsafeBufferPointer {
            sample.run(into: &found, .f32, activation: Int(SG_ACTIVATION_NONE), addend: $0.baseAddress)
        }
        let errors = found.enumerated().map {
            Double($0.element) - sample.exact($0.offset / outputs, $0.offset % outputs)
        }
        // From end to end: 4.7e-6. Of quarters: 2.4e-6.
        #expect(rms(errors) < 3.2e-6)
    }

    @Test("GELU loses about what rounding its value does", arguments: tables)
    func gelu(table: Table) {
        let count = 4096
        var values = (0..<count).map { 8 * (Float($0) + 0.37) / Float(count) - 4 }
        values += [-.infinity, -1e30, -40, -6, 0, 6, 40, 1e30, .infinity, .nan]
        values += [Float](repeating: 0, count: 22)
        let store = WeightStore()
        let layer = PackedLayer(
            table.kernels, depth: 16, outputs: values.count,
            bias: Tensor(shape: [values.count], values: values), in: store
        ) { _, _ in 0 }
        let nothing = [Float](repeating: 0, count: 16)
        var found = [Float](repeating: 0, count: values.count)
        nothing.withUnsafeBytes { from in
            found.withUnsafeMutableBytes {
                var product = layer.product(from.baseAddress!, rows: 1, into: $0.baseAddress!, .f32)
                product.activation = Int32(SG_ACTIVATION_GELU)
                layer.run(product)
            }
        }
        withExtendedLifetime(store) {}
        let errors = (0..<count).map { index in
            let x = Double(values[index])
            return Double(found[index]) - 0.5 * x * erfc(-x / 2.0.squareRoot())
        }
        for (x, error) in zip(values, errors) { #expect(abs(error) < 1e-7 * max(1, abs(Double(x)))) }
        #expect(rms(errors) < 6e-8)
        // What is far out, and what is no number.
        let far = found[count...].map { $0 }
        for index in 0..<4 { #expect(abs(far[index]) < 1e-6) }
        #expect(far[4...8] == [0, 6, 40, 1e30, .infinity])
        #expect(far[9].isNaN)
    }

    @Test("LayerNorm makes rows neither longer nor shorter on average", arguments: tables, [48, 192])
    func norm(table: Table, columns: Int) {
        let (rows, store) = (1024, WeightStore())
        var generator = RandomGenerator(seed: 5)
        let x = generator.values(rows * columns)
        var (naive, found) = (x, x)
        let (ones, zeros) = ([Float](repeating: 1, count: columns), [Float](repeating: 0, count: columns))
        sg_naive_layernorm(x, ones, zeros, &naive, rows, columns, 1e-5)
        var norm = sg_norm(
            x: store.padded(x), x_row: columns, rows: rows, columns: columns, gamma: store.padded(ones),
            beta: store.padded(zeros), epsilon: 1e-5, addend: nil, addend_row: 0, out: nil, out_row: columns,
            scale: nil, zero: nil, line: nil)
        found.withUnsafeMutableBytes {
            norm.out = $0.baseAddress
            sg_infer_norm(table.kernels, &norm)
        }
        withExtendedLifetime(store) {}
        let lengths = zip(found, naive).reduce(into: (0.0, 0.0)) {
            $0.0 += Double($1.0) * Double($1.1)
            $0.1 += Double($1.1) * Double($1.1)
        }
        #expect(abs(lengths.0 / lengths.1 - 1) < 6e-9)
    }
}
