import CKernels

extension Plan {
    /// What a plan's products are computed in. Norms and sums are in Float32 in every one; in bfloat16 attention's weights are
    /// taken to the four digits that rounding them leaves.
    package enum Precision: String, CaseIterable, Sendable {
        /// The reference: Float32 throughout, on every processor.
        case f32
        /// Weights and the left sides of products rounded to bfloat16. Needs AVX-512-BF16.
        case bf16
        /// Weights in 8-bit integers by column, left sides in 8 bits by row. Needs AVX-512-VNNI. Patch embedding, head,
        /// attention, the first convolution and a Conv3's or MLP's layers stay in more bits: they cost little and err most.
        case int8

        /// The precision to use unless told otherwise: bfloat16 where the processor has it.
        package static var best: Self { Self.bf16.isSupported ? .bf16 : .f32 }

        /// Whether this processor has the instructions.
        package var isSupported: Bool { isSupported(level: sg_level_best()) }

        /// How many products of a byte (0…255) and a weight (−127…127) a sum in 32 bits has room for, whatever they are.
        static let bytesDepthMax = Int(Int32.max) / (255 * 127)

        func isSupported(level: Int32) -> Bool { sg_infer_find(level, Int32(kind.rawValue)) != nil }

        var kind: Kind {
            switch self {
            case .f32: .f32
            case .bf16: .bf16
            case .int8: .u8
            }
        }
    }
}

/// What the values of an activation are: see `SG_KIND_F32` and its like.
enum Kind: Int {
    case f32 = 0
    case bf16 = 1
    case u8 = 2

    /// The number of bytes of a value.
    var size: Int {
        switch self {
        case .f32: 4
        case .bf16: 2
        case .u8: 1
        }
    }
}

/// Why a plan cannot be made.
package enum PlanError: Error, Equatable {
    /// The processor lacks the precision's instructions.
    case unsupported(Plan.Precision, needs: String)
    /// A product of the model sums up more terms than the precision's sums have room for.
    case tooDeep(Plan.Precision, depth: Int)
}

extension PlanError: CustomStringConvertible {
    /// A sentence for the log.
    package var description: String {
        switch self {
        case .unsupported(let precision, let needs):
            "this processor has no \(needs), which the precision \(precision.rawValue) needs; use f32"
        case .tooDeep(let precision, let depth):
            "the model has a product of \(depth) terms, and a sum in \(precision.rawValue) has room for "
                + "\(Plan.Precision.bytesDepthMax); use f32 or bf16"
        }
    }
}
