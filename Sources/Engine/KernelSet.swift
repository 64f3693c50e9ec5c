import CKernels

/// The kernels that a plan uses: chosen once, when it is made.
struct KernelSet {
    /// For patch embedding, head and the first convolution, in Float32.
    let plain: OpaquePointer
    /// For a transformer's linear layers and a residual network's convolutions.
    let main: OpaquePointer
    let mainKind: Kind
    /// For attention and the layers of a Conv3 or MLP, and the kind of what lies between layers in memory.
    let inner: OpaquePointer
    let innerKind: Kind

    /// Those in 32 bits, which every level has.
    init(f32 level: Int32) {
        guard let plain = sg_infer_find(level, Int32(SG_KIND_F32)) else {
            preconditionFailure("a level without kernels in 32 bits")
        }
        (self.plain, main, mainKind) = (plain, plain, .f32)
        (inner, innerKind) = (plain, .f32)
    }

    init(_ precision: Plan.Precision, level: Int32) throws(PlanError) {
        guard let plain = sg_infer_find(level, Int32(SG_KIND_F32)),
            let main = Self.find(precision.kind, level)
        else {
            throw .unsupported(precision, needs: precision == .int8 ? "AVX-512-VNNI" : "AVX-512-BF16")
        }
        self.plain = plain
        self.main = main
        mainKind = precision.kind
        if precision != .f32, let bf16 = Self.find(.bf16, level) {
            (inner, innerKind) = (bf16, .bf16)
        } else {
            (inner, innerKind) = (plain, .f32)
        }
    }

    private static func find(_ kind: Kind, _ level: Int32) -> OpaquePointer? {
        sg_infer_find(level, Int32(kind.rawValue))
    }
}
