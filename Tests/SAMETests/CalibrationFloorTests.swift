import Foundation
import SAME
import Tensor
import Testing

@Suite("Calibration: what a score cannot be below")
struct CalibrationFloorTests {
    @Test(
        "no score of the same reconstruction is below the floor, with or without an answer",
        arguments: [Calibration.Combination.tailSum, .paper(alpha: 0.99), .paper(alpha: 0.2)],
        [Calibration.defaultTerms, ScoreTerm.allCases, [.reconstruction]])
    func below(combination: Calibration.Combination, terms: [ScoreTerm]) throws {
        let calibration = try Calibration(
            sample: CalibrationTests.benign(1000, seed: 1), terms: terms, combination: combination)
        var generator = RandomGenerator(seed: 2)
        for values in CalibrationTests.benign(5000, seed: 3) {
            var values = values
            // From far below the benign to far above them.
            values.reconstruction *= Float(exp(3 * generator.normal()))
            values.statistics? *= Float(exp(generator.normal()))
            values.frame? *= Float(exp(generator.normal()))
            let least = try #require(
                calibration.floor(loss: values.reconstruction, roughness: values.roughness))
            let floor = try #require(
                calibration.floor(
                    loss: values.reconstruction, roughness: values.roughness, statistics: values.statistics,
                    frame: values.frame))
            #expect(floor.raw >= least.raw && floor.surprise >= least.surprise)
            for (deviation, perturbation) in [
                (values.deviation, values.perturbation), (0, -1e30), (nil, values.perturbation), (.nan, .nan),
            ] as [(Float?, Float?)] {
                values.deviation = deviation
                values.perturbation = perturbation
                if deviation == nil { values.doubt = nil }
                let score = calibration.score(values)
                #expect(score.raw >= floor.raw && score.surprise >= floor.surprise)
                #expect(score.percentile >= floor.percentile)
            }
        }
    }

    @Test("a loss that is no number has no floor", arguments: [Float.nan, .infinity])
    func notFinite(loss: Float) throws {
        let calibration = try Calibration(sample: CalibrationTests.benign(1000, seed: 1))
        #expect(calibration.floor(loss: loss, roughness: 0.1) == nil)
        #expect(calibration.floor(loss: 0.1, roughness: nil) == nil)
        let measured = try Calibration(
            sample: CalibrationTests.benign(1000, seed: 1), terms: [.reconstruction, .statistics])
        #expect(measured.floor(loss: 0.1, roughness: nil, statistics: loss) == nil)
    }
}
