import CKernels

extension Plan.Precision {
    /// The processor's peak in this precision on one thread: products that never leave the registers, the best of a few
    /// runs of some milliseconds. Units: multiplications and additions a second; nil where unsupported.
    package func measurePeak() -> Double? {
        guard let kernels = sg_infer_find(sg_level_best(), Int32(kind.rawValue)) else { return nil }
        let clock = ContinuousClock()
        var best = 0.0
        for _ in 0..<5 {
            var operations = 0.0
            let time = clock.measure { operations = sg_infer_peak(kernels, 40_000) }
            best = max(best, operations / (time / .seconds(1)))
        }
        return best
    }

    /// The instructions its products use here: "avx512-bf16" and so on; nil where unsupported.
    package var instructions: String? {
        sg_infer_find(sg_level_best(), Int32(kind.rawValue)).map { String(cString: sg_infer_name($0)) }
    }
}

extension Plan {
    /// What is wrong with the environment variable that limits the instructions in use; nil when nothing is.
    package static var instructionsProblem: String? {
        guard sg_instructions_unknown() != 0 else { return nil }
        return SG_INSTRUCTIONS_VARIABLE
            + " must be one of plain, avx2, avx512, avx512-bf16 and avx512-vnni: the most that may be used"
    }
}
