import SAME
import Testing

@Suite("Bundles that few pictures calibrated")
struct ScarcityTests {
    /// What is warned of where so many pictures rate, of so many that were held out.
    private func warning(rated: Int, of held: Int) throws -> String? {
        var manifest = try Fitted.bundle().manifest
        manifest.calibration = try Calibration(
            sample: CalibrationTests.benign(held, seed: 4), rated: Array(0..<rated))
        (manifest.provenance.imageCount, manifest.provenance.trainingCount) = (held + 500, 500)
        return manifest.scarcityWarning(option: "--holdout")
    }

    @Test("they are warned of with the percentiles that are extrapolated, and with what to do")
    func few() throws {
        let text = try #require(try warning(rated: 140, of: 160))
        for word in ["only 140 pictures", "p99.5 and p99.9", "above p99.28", "(--holdout)", "about 1143 for"]
        {
            #expect(text.contains(word), "\(text)")
        }
    }

    @Test("from 200 on p99.5 is measured, from 1000 on p99.9")
    func bounds() throws {
        #expect(try warning(rated: 199, of: 199)?.contains("p99.5") == true)
        let some = try #require(try warning(rated: 200, of: 200))
        #expect(!some.contains("p99.5 and") && some.contains("p99.9,"), "\(some)")
        #expect(try warning(rated: 999, of: 1000) != nil)
        #expect(try warning(rated: 1000, of: 1143) == nil)
    }
}
