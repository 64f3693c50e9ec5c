import Foundation
import Tensor
import Testing

@testable import RedTeam

@Suite("Baselines")
struct BaselineTests {
    // MARK: PRADA

    private func normal(_ count: Int, seed: UInt64) -> [[Float]] {
        var generator = RandomGenerator(seed: seed)
        return (0..<count).map { _ in (0..<16).map { _ in Float(generator.normal()) } }
    }

    @Test("PRADA lets independent normal queries pass and alarms on steps of a fixed length")
    func prada() throws {
        var honest = PRADA(), thief = PRADA()
        for (index, query) in normal(600, seed: 1).enumerated() {
            _ = honest.observe(query[...], label: index % 3)
        }
        #expect(honest.alarm == nil)
        #expect(try #require(honest.statistic) > 0.95)
        // JBDA in small: each query has a copy a fixed step away, so that distances fall into two heaps.
        for (index, query) in normal(300, seed: 2).enumerated() {
            _ = thief.observe(query[...], label: index % 3)
            _ = thief.observe(query.map { $0 + 0.05 }[...], label: index % 3)
        }
        let alarm = try #require(thief.alarm)
        #expect(alarm > 100 && alarm.isMultiple(of: 10))
        #expect(thief.count == 600)
    }

    @Test("PRADA says nothing before more than 100 distances, nor of classes with fewer than ten")
    func pradaWaits() {
        var few = PRADA(), spread = PRADA()
        for (index, query) in normal(100, seed: 3).enumerated() {
            _ = few.observe(query[...], label: index % 2)
        }
        #expect(few.statistic == nil)
        for (index, query) in normal(400, seed: 3).enumerated() {
            _ = spread.observe(query[...], label: index / 10)
        }
        // Ten queries of a class are nine distances: the first has none.
        #expect(spread.statistic == nil)
    }

    @Test("PRADA's growing set is bounded and repeated queries are no trouble")
    func pradaBounded() {
        var settings = PRADA.Settings()
        settings.growingSetMax = 5
        settings.classDistancesMax = 120
        var detector = PRADA(settings: settings)
        for _ in 0..<300 { _ = detector.observe([1, 2, 3], label: 0) }
        #expect(detector.count == 300 && detector.alarm == nil)
    }

    // MARK: Answers

    /// Energy of logits (1, 2, 3): −ln(e + e² + e³) = −3.40760596.
    @Test("scores of the answer alone, worked by hand")
    func answers() {
        #expect(abs(AnswerScores.maximumSoftmax(probabilities: [0.2, 0.7, 0.1]) - 0.3) < 1e-7)
        #expect(abs(AnswerScores.maximumSoftmax(logits: [1, 2, 3]) - 0.3347590442) < 1e-9)
        #expect(abs(AnswerScores.energy(logits: [1, 2, 3]) + 3.4076059644) < 1e-9)
        #expect(abs(AnswerScores.energy(logits: [1001, 1002, 1003]) + 1003.4076059644) < 1e-6)
        let mean = (log(0.2) + log(0.7) + log(0.1)) / 3
        #expect(abs(AnswerScores.energy(probabilities: [0.2, 0.7, 0.1]) - mean) < 1e-6)
        #expect(AnswerScores.energy(probabilities: [1, 0]).isFinite)
    }

    /// In Double: e⁻²⁰ = 2.06115362e-9 and e⁻⁶⁰ = 8.75651076e-27, each of which a Float's 1 − p makes 0.
    @Test("1 − p of confident answers is no tie at 0, and orders them as their logits do")
    func confidentAnswers() {
        let sure = AnswerScores.maximumSoftmax(logits: [20, 0, -100])
        let surer = AnswerScores.maximumSoftmax(logits: [0, 60, 0])
        #expect(abs(sure / 2.0611536e-9 - 1) < 1e-7)
        #expect(abs(surer / (2 * 8.7565107627e-27) - 1) < 1e-9)
        let rows: [Float] = [1, 2e-9, 1e-9, 1e-12, 3e-12, 1]
        #expect(abs(AnswerScores.maximumSoftmax(probabilities: rows[0..<3]) / 3e-9 - 1) < 1e-6)
        #expect(abs(AnswerScores.maximumSoftmax(probabilities: rows[3..<6]) / 4e-12 - 1) < 1e-6)
        // Of several largest only one is the answer.
        #expect(AnswerScores.maximumSoftmax(probabilities: [0.5, 0.5]) == 0.5)
        #expect(AnswerScores.maximumSoftmax(logits: [7, 7, 7, 7]) == 0.75)
        #expect(AnswerScores.maximumSoftmax(logits: [1000, 0]) == 0)
        #expect(AnswerScores.maximumSoftmax(logits: [3]) == 0)
    }

    // MARK: Principal components

    @Test("Jacobi's eigenvalues and vectors satisfy A·v = λ·v")
    func eigen() {
        var generator = RandomGenerator(seed: 1)
        var matrix = (0..<9).map { _ in (0..<9).map { _ in generator.normal() } }
        for i in 0..<9 { for j in 0..<i { matrix[i][j] = matrix[j][i] } }
        let (values, vectors) = SymmetricEigen.solve(matrix)
        for column in 0..<9 {
            for row in 0..<9 {
                let product = (0..<9).reduce(0) { $0 + matrix[row][$1] * vectors[$1][column] }
                #expect(abs(product - values[column] * vectors[row][column]) < 1e-10)
            }
        }
        #expect(SymmetricEigen.solve([[4]]).values == [4])
        #expect(SymmetricEigen.solve([]).values.isEmpty)
    }

    /// A sample with known axes: deviations 5, 3 and 1 along three orthonormal directions and 0.01 elsewhere.
    @Test("components and variances are those of a sample with known axes; what lies outside is the residual")
    func components() throws {
        var generator = RandomGenerator(seed: 6)
        let size = 20, rows = 4000
        let half = 0.5.squareRoot()
        let axes: [[Int: Double]] = [[0: half, 1: half], [0: half, 1: -half], [7: 1]]
        var values: [Float] = []
        for _ in 0..<rows {
            var row = (0..<size).map { _ in 0.01 * generator.normal() + 0.5 }
            for (axis, deviation) in zip(axes, [5.0, 3, 1]) {
                let weight = deviation * generator.normal()
                for (index, share) in axis { row[index] += weight * share }
            }
            values += row.map { Float($0) }
        }
        let sample = Tensor(shape: [rows, size], values: values)
        let found = PrincipalComponents(of: sample, count: 3, generator: &generator)
        for (component, axis) in zip(found.components, axes) {
            let agreement = abs(axis.reduce(0) { $0 + component[$1.key] * $1.value })
            #expect(agreement > 0.999)
        }
        for (variance, deviation) in zip(found.variances, [5.0, 3, 1]) {
            #expect(abs(variance / (deviation * deviation) - 1) < 0.08)
        }
        let inside = (0..<size).map { Float(0.5 + 3 * (axes[0][$0] ?? 0)) }
        var outside = inside
        outside[15] += 2
        #expect(found.residual(inside[...]) < 1e-3)
        #expect(abs(found.residual(outside[...]) - 4.0 / Double(size)) < 0.01)
        #expect(PrincipalComponents(of: sample, count: 100, generator: &generator).components.count == size)
    }

    @Test("a constant sample has no variance and no component that is not a number")
    func constant() {
        var generator = RandomGenerator(seed: 1)
        let found = PrincipalComponents(
            of: Tensor(shape: [5, 6], repeating: 0.25), count: 2, generator: &generator)
        #expect(found.variances.allSatisfy { $0 == 0 })
        #expect(found.components.allSatisfy { $0.allSatisfy(\.isFinite) })
        #expect(found.picture([1, 1]).allSatisfy { $0 == 0.25 })
    }

    // MARK: Pixels

    @Test("pixel statistics, worked by hand on a picture of two by two")
    func pixelFeatures() {
        let image = ImageShape(channels: 1, height: 2, width: 2)
        let found = PixelStatistics.features([-1, 1, -0.75, 0.25], image)
        // Steps: right 2 and 1, down 0.25 and 0.75. One of four is a dark grey, one black, one white.
        let wanted = [-0.125, 0.640625.squareRoot(), 1, 0.25, 0.25, 0.25]
        for (value, expected) in zip(found, wanted) { #expect(abs(value - expected) < 1e-9) }
    }

    @Test("a picture like the benign ones scores near the number of statistics, noise far above")
    func pixelScore() {
        var generator = RandomGenerator(seed: 1)
        let image = ImageShape(channels: 1, height: 8, width: 8)
        let benign = Tensor(
            shape: [200, 64], values: (0..<200 * 64).map { _ in Float(0.1 * generator.normal()) - 0.3 })
        let statistics = PixelStatistics(benign: benign, image: image)
        let own = (0..<200).reduce(0) { $0 + statistics.score(benign.row($1)) } / 200
        #expect(own < 8)
        let noise = (0..<64).map { _ in generator.uniform(-1..<1) }
        #expect(statistics.score(noise[...]) > 100)
    }
}
