import CKernels
import Tensor
import Testing

@testable import Engine

/// What attention is whatever its scores are.
@Suite struct AttentionTests {
    /// One head's queries, keys and values, and what attention makes of them.
    struct Head {
        let table: InferenceKernelTests.Table
        let tokens: Int
        let channels = 24
        private(set) var values: [Float]

        /// Random queries; all keys are one and all values another, or random too.
        init(_ table: InferenceKernelTests.Table, tokens: Int, isUniform: Bool) {
            (self.table, self.tokens) = (table, tokens)
            var generator = RandomGenerator(seed: 31)
            values = generator.values(tokens * roundUp(3 * channels)).map { 2 * $0 }
            guard isUniform else { return }
            for token in 1..<max(tokens, 1) {
                for channel in channels..<3 * channels { values[at(token, channel)] = values[channel] }
            }
        }

        private func at(_ token: Int, _ channel: Int) -> Int { token * roundUp(3 * channels) + channel }

        /// Makes no number of a token's value: of queries, keys and values, 0 to 2, one's channel.
        mutating func spoil(_ part: Int, token: Int, channel: Int) {
            values[at(token, part * channels + channel)] = .nan
        }

        /// What token's value stands for in the table's kind.
        func value(_ token: Int, _ channel: Int) -> Float {
            let value = values[at(token, 2 * channels + channel)]
            return table.kind == .bf16 ? Bfloat16.rounded(value) : value
        }

        /// **Shapes** (tokens, channels).
        func run(scale: Float) -> [Float] {
            let row = roundUp(3 * channels)
            let qkv = Operand(table.kind, rows: tokens, columns: row, values: values)
            var out = Operand(table.kind, rows: tokens, columns: roundUp(channels))
            let scratch = UnsafeMutableRawPointer.allocate(
                byteCount: sg_infer_attention_scratch(tokens, channels), alignment: 64)
            defer { scratch.deallocate() }
            qkv.bytes.withUnsafeBytes { qkv in
                out.fill { bytes, _, _ in
                    var how = sg_attention(
                        qkv: qkv.baseAddress, qkv_row: row, tokens: tokens, channels: channels, heads: 1,
                        out: bytes, out_row: roundUp(channels), scale: scale, scratch: scratch)
                    sg_infer_attention(table.kernels, &how)
                }
            }
            return (0..<tokens * channels).map {
                out.value($0 / channels * roundUp(channels) + $0 % channels)
            }
        }
    }

    static let tokens = [1, 5, 20, 32, 33, 37, 64, 65, 70]

    @Test(
        "weights are shares of one: of equal keys with one value all get that value, in bfloat16 to the bit",
        arguments: InferenceKernelTests.floating, tokens)
    func shares(table: InferenceKernelTests.Table, tokens: Int) {
        let head = Head(table, tokens: tokens, isUniform: true)
        for scale: Float in [0.02, 0.4, 8] {
            for (index, found) in head.run(scale: scale).enumerated() {
                let wanted = head.value(0, index % head.channels)
                #expect(abs(found - wanted) <= (table.kind == .bf16 ? 0 : 4e-6))
            }
        }
    }
}
