import CKernels
import Tensor
import Testing

@testable import Engine

/// Sums of 8-bit products at the end of the 32 bits that they are taken in.
@Suite struct SumRoomTests {
    @Test("no sum of the greatest depth leaves 32 bits, one more product could")
    func bound() {
        let (most, room) = (Plan.Precision.bytesDepthMax, Int(Int32.max))
        #expect(most == 66_311)
        #expect(most * 255 * 127 <= room && (most + 1) * 255 * 127 > room)
    }

    @Test(
        "the deepest sum of the largest bytes and weights is what it stands for",
        arguments: InferenceKernelTests.tables.filter { $0.kind == .u8 }, [Float(1), -1])
    func deepest(table: InferenceKernelTests.Table, weight: Float) throws {
        let group = Int(sg_infer_group(table.kernels))
        let depth = Plan.Precision.bytesDepthMax / group * group
        let store = WeightStore()
        let layer = PackedLayer(
            table.kernels, depth: depth, outputs: 3, bias: Tensor(shape: [3]), in: store
        ) { _, _ in weight }
        try store.requireRoomForSums(.int8)
        let bytes = [UInt8](repeating: 255, count: depth)
        let (scale, zero): ([Float], [Float]) = ([1], [0])
        var found = [Float](repeating: .nan, count: layer.columns)
        bytes.withUnsafeBytes { from in
            scale.withUnsafeBufferPointer { scale in
                zero.withUnsafeBufferPointer { zero in
                    found.withUnsafeMutableBytes {
                        var product = layer.product(from.baseAddress!, rows: 1, into: $0.baseAddress!, .f32)
                        (product.a_scale, product.a_zero) = (scale.baseAddress, zero.baseAddress)
                        layer.run(product)
                    }
                }
            }
        }
        let wanted = weight * Float(255 * depth)
        for value in found[..<3] { #expect(abs(value - wanted) <= 1e-6 * abs(wanted)) }
    }

    @Test("a deeper product is refused in 8 bits alone, with the depth and what to use instead")
    func refused() throws {
        let depth = Plan.Precision.bytesDepthMax + 1
        for table in InferenceKernelTests.tables {
            let store = WeightStore()
            let layer = PackedLayer(
                table.kernels, depth: depth, outputs: 1, bias: Tensor(shape: [1]), in: store
            ) { _, _ in 0 }
            guard table.kind == .u8 else {
                try store.requireRoomForSums(.f32)
                continue
            }
            #expect(throws: PlanError.tooDeep(.int8, depth: layer.depth)) {
                try store.requireRoomForSums(.int8)
            }
        }
        let told = "\(PlanError.tooDeep(.int8, depth: depth))"
        #expect(told.contains("\(depth)") && told.contains("66311") && told.contains("bf16"))
    }
}
