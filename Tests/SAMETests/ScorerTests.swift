import Foundation
import SAME
import Tensor
import Testing

@Suite("Scorer")
struct ScorerTests {
    private func scorer() throws -> Scorer { Scorer(try Fitted.bundle()) }

    @Test("a deviation from what is no number is none")
    func deviationFromNothing() {
        #expect(Scorer.deviation([0.5, 0.5], [.nan, 0.5]).isNaN)
        #expect(Scorer.deviation([0, 1], [.nan, 1]) == 0)
    }

    @Test("a row's examination is the same to the bit in any batch, at any place")
    func batchIndependent() throws {
        let scorer = try scorer()
        let images = Fitted.images(70, seed: 3)
        let workspace = Scorer.makeWorkspace()
        let whole = scorer.examine(images, workspace: workspace)
        #expect(whole.count == 70)
        for (first, last) in [(0, 1), (5, 8), (31, 33), (1, 70), (69, 70)] {
            let part = scorer.examine(images.rows(first..<last), workspace: workspace)
            #expect(part == Array(whole[first..<last]))
        }
    }

    @Test("workers share one scorer and agree to the bit")
    func shared() async throws {
        let scorer = try scorer()
        let images = Fitted.images(20, seed: 4)
        let expected = scorer.examine(images, workspace: Scorer.makeWorkspace())
        await withTaskGroup(of: [Examination].self) { group in
            for _ in 0..<4 { group.addTask { scorer.examine(images, workspace: Scorer.makeWorkspace()) } }
            for await examinations in group { #expect(examinations == expected) }
        }
    }

    @Test("the reconstruction loss is the mean of (x − x̂)² and the auxiliary's answer a distribution")
    func terms() throws {
        let bundle = try Fitted.bundle()
        let images = Fitted.images(3, seed: 5)
        let workspace = Scorer.makeWorkspace()
        let reconstruction = bundle.autoencoder.reconstruct(images, workspace: workspace)
        let examined = Scorer(bundle).examine(images, workspace: workspace)
        for row in 0..<3 {
            let squares = zip(images.row(row), reconstruction.row(row)).map {
                Double($0 - $1) * Double($0 - $1)
            }
            let mean = squares.reduce(0, +) / Double(squares.count)
            #expect(abs(Double(examined[row].reconstructionLoss) - mean) < 1e-6)
            #expect(abs(examined[row].auxiliaryProbabilities.reduce(0, +) - 1) < 1e-5)
        }
    }

    /// One bright pixel of height 1 on 4×4: its own Laplacian is 4, two inner neighbours have −1 and the four
    /// inner pixels' mean of squares is (16 + 1 + 1 + 0) / 4.
    @Test("the roughness is the mean square of the Laplacian, worked by hand, channel by channel")
    func roughness() {
        var image = [Float](repeating: 0, count: 32)
        image[5] = 1
        let shape = ImageShape(channels: 1, height: 4, width: 4)
        #expect(Scorer.roughness(image[0..<16], shape) == 4.5)
        #expect(Scorer.roughness(image[...], ImageShape(channels: 2, height: 4, width: 4)) == 2.25)
        #expect(Scorer.roughness(image[16...], shape) == 0)
        #expect(Scorer.roughness([1, 2, 3, 4], ImageShape(channels: 1, height: 2, width: 2)) == 0)
    }

    /// KL((½, ½, 0) ‖ (¼, ½, ¼)) = ½ ln 2, over three classes.
    @Test("the deviation is KL(V ‖ A) / K, worked by hand")
    func deviation() {
        #expect(abs(Scorer.deviation([0.5, 0.5, 0], [0.25, 0.5, 0.25]) - Float(0.5 * log(2.0) / 3)) < 1e-6)
        #expect(Scorer.deviation([0.2, 0.3, 0.5], [0.2, 0.3, 0.5]) < 1e-7)
    }

    @Test("an auxiliary model that is sure of another class gives a large deviation, not an infinite one")
    func deviationIsFinite() {
        let deviation = Scorer.deviation([1, 0], [0, 1])
        #expect(deviation.isFinite && deviation > 10)
    }

    @Test(
        "an answer that is no distribution over the classes counts as missing",
        arguments: [
            nil, [], [0.5, 0.5], [0.5, 0.6, -0.1], [.nan, 0.5, 0.5], [3, 4, 5], [0, 0, 0], [.infinity, 0, 0],
        ] as [[Float]?])
    func unusableAnswer(answer: [Float]?) throws {
        let examination = Examination(
            reconstructionLoss: 0.02, roughness: 0.1, auxiliaryProbabilities: [0.2, 0.3, 0.5])
        let score = try scorer().assess(examination, answer: answer)
        #expect(score.terms == [.reconstruction, .excess])
        #expect(score.values.deviation == nil && score.raw.isFinite)
    }

    @Test("an answer with rounding errors is a distribution")
    func roundedAnswer() throws {
        let examination = Examination(
            reconstructionLoss: 0.02, roughness: 0.1, auxiliaryProbabilities: [0.2, 0.3, 0.5])
        let score = try scorer().assess(examination, answer: [0.33, 0.33, 0.33])
        #expect(score.terms == [.reconstruction, .excess, .deviation])
    }

    @Test("values far outside the range are scored, never trapped on")
    func wildValues() throws {
        let images = Tensor(shape: [2, Fitted.image.count], repeating: 1e30)
        let examined = try scorer().examine(images, workspace: Scorer.makeWorkspace())
        let score = try scorer().assess(examined[0], answer: nil)
        #expect(score.percentile > 99.99 && score.raw.isFinite && !score.surprise.isNaN)
    }
}
