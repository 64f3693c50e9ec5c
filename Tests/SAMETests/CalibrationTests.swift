import Foundation
import SAME
import Tensor
import Testing

@Suite("Calibration")
struct CalibrationTests {
    static func benign(_ count: Int, seed: UInt64) -> [TermValues] {
        var generator = RandomGenerator(seed: seed), others = RandomGenerator(seed: seed, stream: 1)
        return (0..<count).map { _ in
            let roughness = exp(0.8 * generator.normal() - 2)
            let reconstruction = Float(exp(0.3 * generator.normal() - 4) * pow(roughness, 0.5))
            let deviation = Float(exp(1.5 * generator.normal() - 6))
            let doubt = Float(generator.uniform())
            return TermValues(
                reconstruction: reconstruction, roughness: Float(roughness),
                maskedLoss: reconstruction * Float(exp(0.4 * others.normal() + 1)),
                statistics: Float(1 + 0.5 * others.uniform()),
                frame: Float(others.integer(below: 5)) / 4,
                perturbation: Float(2 * generator.normal() - 3),
                energy: Float(others.normal() - 5),
                neighbour: Float(0.4 * others.uniform()), deviation: deviation, doubt: doubt)
        }
    }

    @Test(
        "the score's percentile is the stated false-positive rate on fresh benign queries",
        arguments: [Calibration.Combination.tailSum, .paper(alpha: 0.99), .paper(alpha: 0.1)],
        [90.0, 97, 99])
    func nominalRate(combination: Calibration.Combination, percentile: Double) throws {
        let calibration = try Calibration(sample: Self.benign(8000, seed: 1), combination: combination)
        let fresh = Self.benign(40_000, seed: 2).map(calibration.score)
        let nominal = 1 - percentile / 100
        let slack = 4.5 * (nominal * (1 - nominal) * (1.0 / 8000 + 1.0 / 40_000)).squareRoot()
        let rate = Double(fresh.count { $0.percentile > percentile }) / Double(fresh.count)
        #expect(abs(rate - nominal) < slack, "\(rate) for \(nominal)")
        let threshold = calibration.threshold(percentile: percentile)
        #expect(
            fresh.allSatisfy {
                ($0.raw > threshold) == ($0.percentile > percentile) || abs($0.raw - threshold) < 1e-9
            })
    }

    @Test("without the victim's answer the remaining terms have a calibration of their own")
    func answerless() throws {
        let calibration = try Calibration(sample: Self.benign(8000, seed: 1))
        let fresh = Self.benign(20_000, seed: 3)
        let scores = fresh.map {
            calibration.score(TermValues(reconstruction: $0.reconstruction, roughness: $0.roughness))
        }
        #expect(scores.allSatisfy { $0.terms == [.reconstruction, .excess] && $0.values.deviation == nil })
        let rate = Double(scores.count { $0.percentile > 95 }) / Double(scores.count)
        #expect(abs(rate - 0.05) < 0.012)
    }

    @Test("stated rates are of the rated queries; what a term's value means is of all")
    func rated() throws {
        // Every other query reconstructs twice as badly.
        let sample = Self.benign(8000, seed: 11).enumerated().map { index, values in
            var values = values
            if index.isMultiple(of: 2) { values.reconstruction *= 2 }
            return values
        }
        let terms: [ScoreTerm] = [.reconstruction]
        let even = Array(stride(from: 1, to: sample.count, by: 2))
        let whole = try Calibration(sample: sample, terms: terms)
        let rated = try Calibration(sample: sample, terms: terms, rated: even)
        #expect(rated.terms == whole.terms && rated.full.sampleCount == 4000)
        func rate(_ calibration: Calibration) -> Double {
            let fresh = Self.benign(20_000, seed: 12).map(calibration.score)
            return Double(fresh.count { $0.percentile > 95 }) / Double(fresh.count)
        }
        #expect(abs(rate(rated) - 0.05) < 0.01)
        #expect(rate(whole) < 0.03)
    }

    @Test("Eq. (6): the raw score is α·L_rec + (1−α)·L_dev")
    func paperCombination() throws {
        let calibration = try Calibration(sample: Self.benign(500, seed: 4), combination: .paper(alpha: 0.25))
        let score = calibration.score(TermValues(reconstruction: 0.5, deviation: 2, doubt: 0))
        #expect(abs(score.raw - (0.25 * 0.5 + 0.75 * 2)) < 1e-12)
        #expect(score.terms == [.reconstruction, .deviation])
    }

    @Test("raising any term never lowers the score", arguments: ScoreTerm.allCases)
    func monotone(term: ScoreTerm) throws {
        let calibration = try Calibration(sample: Self.benign(2000, seed: 5), terms: ScoreTerm.allCases)
        var values = TermValues(
            reconstruction: 0.006, roughness: 0.13, maskedLoss: 0.02, statistics: 1.2, frame: 0.5,
            perturbation: -3, energy: -5, neighbour: 0.2, deviation: 0.0025, doubt: 0.5)
        var last = calibration.score(values).surprise
        for _ in 0..<200 {
            switch term {
            case .reconstruction: values.reconstruction *= 1.05
            case .excess: values.roughness? /= 1.05
            case .masked: values.maskedLoss? /= 1.05
            case .statistics: values.statistics? *= 1.01
            case .frame: values.frame? *= 1.01
            case .energy: values.energy? += 0.05
            case .neighbour: values.neighbour? *= 1.05
            case .perturbation: values.perturbation? += 0.05
            case .deviation: values.deviation? *= 1.05
            case .doubt: values.doubt? *= 1.05
            }
            let surprise = calibration.score(values).surprise
            #expect(surprise >= last)
            last = surprise
        }
    }

    @Test("a term that is not a number is scored as far outside, never as benign")
    func notANumber() throws {
        let calibration = try Calibration(sample: Self.benign(500, seed: 6))
        let score = calibration.score(TermValues(reconstruction: .nan, roughness: 0.1, deviation: 0))
        #expect(score.percentile == 100 && score.surprise > 100)
    }

    @Test("the perturbation term needs no answer; where the detector gave none, nothing passes as benign")
    func perturbation() throws {
        let terms = Calibration.defaultTerms + [.perturbation]
        let calibration = try Calibration(sample: Self.benign(4000, seed: 10), terms: terms)
        var values = TermValues(reconstruction: 0.006, roughness: 0.13, perturbation: -3)
        #expect(calibration.score(values).terms == [.reconstruction, .excess, .perturbation])
        #expect(calibration.score(values).percentile < 95)
        values.perturbation = 30
        #expect(calibration.score(values).percentile > 99.9)
        values.perturbation = nil
        #expect(calibration.score(values).percentile == 100)
    }

    @Test(
        "an image of the loss usual for its roughness has no excess; the line is the one that was drawn from")
    func expectedLoss() {
        let roughnesses = (1...200).map { Float($0) / 50 }
        let losses = roughnesses.map { 0.02 * pow($0, 0.7) }
        let expected = ExpectedLoss(losses: losses, measures: roughnesses)
        #expect(abs(expected.slope - 0.7) < 1e-4 && abs(expected.intercept - log(0.02)) < 1e-4)
        #expect(abs(expected.excess(loss: 0.02 * pow(2, 0.7), measure: 2)) < 1e-4)
        #expect(abs(expected.excess(loss: 0.04 * pow(2, 0.7), measure: 2) - Float(log(2.0))) < 1e-4)
        #expect(ExpectedLoss(losses: [0.1, 0.2], measures: [0, 0]).slope == 0)
        #expect(expected.excess(loss: 0, measure: 0).isFinite)
    }

    @Test("an image smoother than its loss allows is anomalous though its loss is not")
    func smoothForeigner() throws {
        let calibration = try Calibration(sample: Self.benign(4000, seed: 8))
        let usual = calibration.score(TermValues(reconstruction: 0.007, roughness: 0.13, deviation: 0.0025))
        let smooth = calibration.score(TermValues(reconstruction: 0.007, roughness: 0.002, deviation: 0.0025))
        #expect(usual.percentile < 90 && smooth.percentile > 99.9)
    }

    @Test("a voice: w · max(0, surprise − floor), and the percentile stays the stated rate")
    func voices() throws {
        let voices: [ScoreTerm: Voice] = [
            .perturbation: Voice(floor: log(10), weight: 2), .excess: Voice(floor: 0, weight: 0.5),
        ]
        let terms = Calibration.defaultTerms + [.perturbation]
        let sample = Self.benign(8000, seed: 11)
        let plain = try Calibration(sample: sample, terms: terms)
        let voiced = try Calibration(sample: sample, terms: terms, voices: voices)
        #expect(voiced.defect == nil && voiced != plain)
        let fresh = Self.benign(20_000, seed: 12)
        for values in fresh.prefix(200) {
            let expected = zip(plain.terms, plain.surprises(values)).reduce(0.0) { sum, entry in
                let surprise = entry.1 ?? .nan
                switch entry.0.term {
                case .perturbation: return sum + 2 * max(0, surprise - log(10))
                case .excess: return sum + surprise / 2
                default: return sum + surprise
                }
            }
            #expect(abs(voiced.score(values).raw - expected) < 1e-9)
            let floor = voiced.floor(loss: values.reconstruction, roughness: values.roughness)
            #expect(try #require(floor).raw <= expected + 1e-9)
        }
        let rate = Double(fresh.count { voiced.score($0).percentile > 99 }) / 20_000
        #expect(abs(rate - 0.01) < 4.5 * (0.0099 * (1.0 / 8000 + 1.0 / 20_000)).squareRoot())
        var far = fresh[0]
        far.perturbation = 1e30
        #expect(voiced.score(far).percentile == 100 && voiced.score(far).raw.isFinite)
    }

    @Test("a file's voice that silences the reconstruction, or is out of all proportion, is a defect")
    func badVoice() throws {
        let sample = Self.benign(500, seed: 13)
        let defect = { (term: ScoreTerm, voice: Voice) in
            try Calibration(sample: sample, terms: [.reconstruction, .excess], voices: [term: voice]).defect
        }
        #expect(try defect(.excess, Voice(floor: 1, weight: 2)) == nil)
        #expect(try defect(.reconstruction, Voice(floor: 0, weight: 2)) == nil)
        #expect(try defect(.reconstruction, Voice(floor: 1, weight: 1)) != nil)
        for (floor, weight) in [(0, 0), (-1, 1), (.nan, 1), (0, .infinity), (101, 1), (0, .nan)]
            as [(Double, Double)]
        {
            #expect(Voice(floor: floor, weight: weight).defect != nil, "\(floor) \(weight)")
        }
    }

    @Test("a sample with a missing term, an alpha outside 0…1 and no terms are refused")
    func refused() {
        var sample = Self.benign(500, seed: 7)
        sample[3].deviation = nil
        #expect(throws: CalibrationError.termMissing(.deviation, index: 3)) {
            try Calibration(sample: sample)
        }
        #expect(throws: CalibrationError.alphaOutOfRange(1.5)) {
            try Calibration(sample: Self.benign(500, seed: 7), combination: .paper(alpha: 1.5))
        }
        #expect(throws: CalibrationError.noTerms) {
            try Calibration(sample: Self.benign(500, seed: 7), terms: [])
        }
    }

    @Test("percentile and surprise are one thing in two units")
    func units() {
        for percentile in [0.0, 1, 50, 97, 99.9, 99.9999] {
            let back = AnomalyScore.percentile(surprise: AnomalyScore.surprise(percentile: percentile))
            #expect(abs(back - percentile) < 1e-9)
        }
        #expect(AnomalyScore.surprise(percentile: 100) == .infinity)
    }
}
