import CKernels
import Tensor
import Testing

@testable import Engine

/// Hides instructions from the calling thread.
enum MaskedDispatch {
    static func without<Result>(_ features: Int, _ body: () throws -> Result) rethrows -> Result {
        sg_hide(Int32(features))
        defer { sg_hide(0) }
        return try body()
    }
}

/// One binary on processors that have less: what it chooses, and that whole plans are right there too.
@Suite struct MaskedDispatchTests {
    static let bf16 = Int(SG_HIDE_BF16), vnni = Int(SG_HIDE_VNNI)

    @Test("below AVX-512, or without its bfloat16 and VNNI, there is Float32 and nothing else is promised")
    func choice() {
        for level in Models.levels {
            for hidden in [0, Self.bf16, Self.vnni, Self.bf16 | Self.vnni] {
                MaskedDispatch.without(hidden) {
                    #expect(Plan.Precision.f32.isSupported(level: level))
                    let isWide = level == SG_AVX512
                    if !isWide || hidden & Self.bf16 != 0 {
                        #expect(!Plan.Precision.bf16.isSupported(level: level))
                    }
                    if !isWide || hidden & Self.vnni != 0 {
                        #expect(!Plan.Precision.int8.isSupported(level: level))
                    }
                }
            }
        }
        #expect(MaskedDispatch.without(Self.bf16) { Plan.Precision.best } == .f32)
    }

    @Test(
        "8 bits without bfloat16 keep the layers between in Float32, and stay within 3 %",
        arguments: Models.all)
    func integersAlone(models: Models) throws {
        try MaskedDispatch.without(Self.bf16) {
            guard Plan.Precision.int8.isSupported else { return }
            let plan = try models.plan(.int8, level: sg_level_best())
            let rows = models.images(3, seed: 4)
            let (found, wanted) = (Results(plan, rows, plan.makeArena()), try models.reference(rows))
            for (a, b) in zip(found.losses, wanted.losses) { #expect(abs(a - b) < 0.03 * b) }
            #expect(found.worst(\.probabilities, wanted) < 0.02)
        }
    }

    @Test("bfloat16 without VNNI is what it is with it", arguments: [Models.all[0], Models.all[6]])
    func bfloat16Alone(models: Models) throws {
        guard Plan.Precision.bf16.isSupported else { return }
        let rows = models.images(5, seed: 8)
        let plans = try [0, Self.vnni].map { hidden in
            try MaskedDispatch.without(hidden) { try models.plan(.bf16, level: sg_level_best()) }
        }
        let results = plans.map { Results($0, rows, $0.makeArena()) }
        #expect(results[0] == results[1])
    }
}
