import Engine
import Foundation
import SAME
import Tensor
import Testing

@testable import Gateway

@Suite("Gateway: the precision that a bundle may be scored in")
struct PrecisionTests {
    /// What an assembly says of a bundle in a precision.
    static func problems(_ bundle: ModelBundle, _ precision: String) throws -> [AssemblyProblem] {
        var plan = Plan()
        plan.scoring = ", precision: \(precision)"
        let folder = try GatewayFixture.prepareFolder(try plan.model.get())
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try bundle.write(to: folder + "/m.bundle")
        return AssemblyTests.problems(try GatewayFixture.load(plan.text(victim: "127.0.0.1:9"), in: folder))
    }

    /// The bundle with a shift of int8 and bf16 whose AUROC is so much worse.
    static func bundle(aurocLoss: Double) throws -> ModelBundle {
        let bundle = try TinyModel.gray.get().bundle
        var manifest = bundle.manifest
        let shift = PrecisionShift(
            samples: 300,
            exceedances: PrecisionShift.percentiles.map { .init(percentile: $0, reference: 0, found: 0) },
            referenceAUROC: 0.95, foundAUROC: 0.95 - aurocLoss, rankCorrelation: 1)
        manifest.precisions = ["int8": shift, "bf16": shift]
        return ModelBundle(
            manifest: manifest, autoencoder: bundle.autoencoder, auxiliary: bundle.auxiliary)
    }

    @Test(
        "a bundle without measured precisions has no such field, and loads; one with them comes back the same"
    )
    func field() throws {
        let folder = NSTemporaryDirectory() + "samegate-precision-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for bundle in [try TinyModel.gray.get().bundle, try Self.bundle(aurocLoss: 0)] {
            try bundle.write(to: folder)
            let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/manifest.json"))
            let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
            #expect((object?["precisions"] != nil) == (bundle.manifest.precisions != nil))
            #expect(try ModelBundle(contentsOf: folder).manifest.precisions == bundle.manifest.precisions)
        }
    }

    @Test("int8 is refused for a bundle that was not measured, with the command that measures it")
    func unmeasured() throws {
        let problems = try Self.problems(try TinyModel.gray.get().bundle, "int8")
        #expect(problems.count == 1 && problems[0].path == "scoring.precision")
        #expect(problems[0].message.contains("samegate bundle measure"))
    }

    @Test("a precision outside the tolerances is refused with the figures", arguments: ["int8", "bf16"])
    func outside(precision: String) throws {
        let problems = try Self.problems(try Self.bundle(aurocLoss: 0.02), precision)
        #expect(problems.count == 1 && problems[0].path == "scoring.precision")
        #expect(problems[0].message.contains("0.93 instead of 0.95"))
    }

    @Test(
        "a precision within the tolerances is served where the processor has it",
        arguments: Engine.Plan.Precision.allCases)
    func within(precision: Engine.Plan.Precision) throws {
        let problems = try Self.problems(try Self.bundle(aurocLoss: 0.001), precision.rawValue)
        #expect(problems.isEmpty == precision.isSupported, "\(problems)")
    }

    @Test("a measured bundle holds what the plans themselves score, of every precision the processor has")
    func measured() throws {
        let model = try TinyModel.gray.get()
        let pictures = (0..<200).map {
            TinyModel.picture(model.image, seed: UInt64(5_000 + $0), amplitude: 0.1 + 0.004 * Float($0))
        }
        let rows = Tensor(shape: [200, model.image.count], values: Array(pictures.joined()))
        let answers = pictures.map { TinyModel.answer(to: $0[...]) }
        let measured = try model.bundle.measuringPrecisions(
            benign: rows, answers: answers, workspace: Workspace())
        let lower = Engine.Plan.Precision.allCases.filter { $0 != .f32 && $0.isSupported }
        #expect(Set((measured.manifest.precisions ?? [:]).keys) == Set(lower.map(\.rawValue)))
        for precision in lower {
            let plan = try Engine.Plan(model.bundle, precision: precision)
            let found = zip(plan.examine(rows, arena: plan.makeArena()), answers).map {
                model.scorer.assess($0, answer: $1).raw
            }
            let shift = try #require(measured.manifest.precisions?[precision.rawValue])
            #expect(shift.samples == 200 && shift.rankCorrelation > 0.9)
            for (entry, percentile) in zip(shift.exceedances, [95, 97, 99, 99.9]) {
                let threshold = model.scorer.threshold(percentile: percentile)
                #expect(entry.percentile == percentile)
                #expect(entry.found == Double(found.count { $0 > threshold }) / 200)
            }
        }
    }
}
