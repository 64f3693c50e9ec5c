import Foundation
import SAME
import Tensor
import Testing

@Suite("Tail function")
struct TailFunctionTests {
    /// Distributions with known tails, from a seed.
    enum Law: CaseIterable {
        case normal, exponential, heavy, uniform, discrete

        func draw(_ generator: inout RandomGenerator) -> Float {
            let u = 1 - generator.uniform()
            return switch self {
            case .normal: Float(generator.normal())
            case .exponential: Float(-log(u))
            case .heavy: Float(pow(u, -0.4))
            case .uniform: Float(u)
            case .discrete: Float(generator.integer(below: 40))
            }
        }

        func sample(_ count: Int, seed: UInt64) -> [Float] {
            var generator = RandomGenerator(seed: seed)
            return (0..<count).map { _ in draw(&generator) }
        }
    }

    @Test("a higher value is never less surprising, far past the data too", arguments: Law.allCases)
    func monotone(law: Law) throws {
        let tail = try TailFunction(sample: law.sample(3000, seed: 1))
        let low = tail.values[0] - 1
        let high = tail.values[tail.values.count - 1] * 50 + 10
        var last = -1.0
        for step in 0...5000 {
            let surprise = tail.surprise(low + (high - low) * Double(step) / 5000)
            #expect(surprise >= last && surprise.isFinite)
            last = surprise
        }
        #expect(last > 7, "past 3000 values the surprise must exceed ln 3000/3")
    }

    @Test("value(surprise:) is the inverse of surprise(_:)", arguments: Law.allCases)
    func inverse(law: Law) throws {
        let tail = try TailFunction(sample: law.sample(3000, seed: 2))
        for step in 1...400 {
            let surprise = max(Double(step) / 20, tail.surprises[0])
            let back = tail.surprise(tail.value(surprise: surprise))
            // No value has a surprise between that of values that tie and that right above them.
            var wanted = surprise
            if let above = tail.surprises.indices.dropFirst().first(where: {
                tail.surprises[$0] > surprise && tail.surprises[$0 - 1] < surprise
            }), tail.values[above] == tail.values[above - 1].nextUp {
                wanted = tail.surprises[above]
            }
            if let start = tail.tailStart, let last = tail.surprises.last, last < surprise {
                wanted = max(surprise, start)
            }
            #expect(abs(back - wanted) < 1e-6 * max(1, surprise))
        }
    }

    @Test(
        "a percentile's threshold is exceeded by the stated share of fresh benign values",
        arguments: [Law.normal, .exponential, .heavy, .uniform], [50.0, 90, 97, 99, 99.5])
    func nominalRate(law: Law, percentile: Double) throws {
        let tail = try TailFunction(sample: law.sample(10_000, seed: 3))
        let threshold = tail.value(surprise: AnomalyScore.surprise(percentile: percentile))
        let fresh = law.sample(100_000, seed: 4)
        let rate = Double(fresh.count { Double($0) > threshold }) / Double(fresh.count)
        let nominal = 1 - percentile / 100
        // Four standard deviations of both samples together.
        let slack = 4 * (nominal * (1 - nominal) * (1.0 / 10_000 + 1.0 / 100_000)).squareRoot()
        #expect(abs(rate - nominal) < slack, "\(rate) for \(nominal)")
    }

    @Test("the fitted tail extrapolates an exponential law: ln of the true tail within two nats at p99.99")
    func extrapolates() throws {
        let tail = try TailFunction(sample: Law.exponential.sample(20_000, seed: 5))
        // The exponential's own surprise at x is x.
        #expect(abs(tail.surprise(9.21) - 9.21) < 2)
    }

    @Test("values that are all the same are benign, anything above is not")
    func constant() throws {
        let tail = try TailFunction(sample: [Float](repeating: 0.5, count: 500))
        #expect(tail.surprise(0.5) < 0.01)
        #expect(tail.surprise(0.6) > 20)
        #expect(tail.defect == nil)
    }

    @Test(
        "where most values tie, those above are as rare as they are",
        arguments: [0.5, 0.9, 0.97, 0.985, 0.995])
    func ties(share: Double) throws {
        let count = 20_000
        let law = Law.exponential.sample(count, seed: 8)
        let sample = law.enumerated().map { Double($0.offset) < share * Double(count) ? 0 : 1 + $0.element }
        let tail = try TailFunction(sample: sample)
        #expect(tail.defect == nil)
        // P(value > 1 + x) is (1 − share) e^−x.
        for x: Float in [0.1, 0.5, 1, 2] {
            let truth = -log(1 - share) + Double(x)
            // The fit begins at the tie, and knows nothing of the gap above it.
            #expect(abs(tail.surprise(Double(1 + x)) - truth) < 0.6, "\(x)")
        }
        #expect(tail.surprise(0) < 0.1)
        // Between the tie and what is above it there is nobody.
        let slack = share < 0.98 ? 0.1 : 0.3
        for gap in [1e-6, 0.5] { #expect(abs(tail.surprise(gap) + log(1 - share)) < slack) }
        // The inverse is the least value at least as surprising.
        for surprise in stride(from: 0.1, to: 9, by: 0.3) {
            let value = tail.value(surprise: surprise)
            #expect(tail.surprise(value) >= surprise - 1e-9)
            #expect(tail.surprise(value - 1e-3 * max(1, value)) <= surprise)
        }
        let json = try JSONEncoder().encode(tail)
        #expect(try JSONDecoder().decode(TailFunction.self, from: json) == tail)
    }

    @Test("a tail that was written before it had a start of its own is judged as it was")
    func oldTail() throws {
        let old = try JSONDecoder().decode(
            TailFunction.self,
            from: Data(
                #"{"values":[0,1],"surprises":[0.1,2],"tailScale":0.5,"tailShape":0,"sampleCount":500}"#.utf8)
        )
        #expect(old.defect == nil)
        #expect(old.surprise(1) == 2 && old.surprise(1.5) == 3 && old.value(surprise: 3) == 1.5)
    }

    @Test("a value that is no number is as surprising as can be, an infinite one too")
    func notANumber() throws {
        let tail = try TailFunction(sample: Law.normal.sample(500, seed: 6))
        #expect(tail.surprise(.nan) == TailFunction.surpriseMax)
        #expect(tail.surprise(.infinity) == TailFunction.surpriseMax)
        #expect(tail.surprise(-.infinity) == 0)
    }

    @Test("few values, or one that is not finite, are refused")
    func refused() {
        #expect(throws: CalibrationError.tooFewValues(count: 99, minimum: 100)) {
            try TailFunction(sample: [Float](repeating: 1, count: 99))
        }
        var sample = [Float](repeating: 1, count: 200)
        sample[17] = .nan
        #expect(throws: CalibrationError.notFinite(index: 17)) { try TailFunction(sample: sample) }
    }

    @Test("knots are few, whatever the sample's size, and survive JSON to the bit")
    func compact() throws {
        let tail = try TailFunction(sample: Law.heavy.sample(50_000, seed: 7))
        #expect(tail.values.count <= 200)
        let json = try JSONEncoder().encode(tail)
        #expect(try JSONDecoder().decode(TailFunction.self, from: json) == tail)
    }
}
