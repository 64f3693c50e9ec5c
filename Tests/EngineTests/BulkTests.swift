import Dispatch
import Neural
import SAME
import Tensor
import Testing

@testable import Engine

/// What fits and evaluations use, against the networks and against one worker's plan.
@Suite struct BulkTests {
    @Test(
        "a reconstructor paints what the autoencoder does, each image the same alone", arguments: Models.all)
    func reconstructions(models: Models) throws {
        let autoencoder = try models.networks().0
        let rows = models.images(19, seed: 3)
        let painted = try Reconstructor(autoencoder, workspace: Workspace(threads: 2)).reconstruct(rows)
        #expect(painted.shape == rows.shape)
        let wanted = autoencoder.reconstruct(rows, workspace: Workspace())
        let worst = zip(painted.values, wanted.values).map { abs($0 - $1) }.max() ?? 0
        #expect(worst < 1e-5)
        let one = try Reconstructor(autoencoder, workspace: Workspace())
        for row in [0, 7, 18] {
            #expect(one.reconstruct(rows.rows(row..<row + 1)).values[...] == painted.row(row))
        }
        #expect(one.reconstruct(rows.rows(0..<0)).values.isEmpty)
    }

    @Test("a predictor answers as the classifier does, each image the same alone", arguments: Models.all)
    func predictions(models: Models) throws {
        let classifier = try models.networks().1
        let rows = models.images(37, seed: 5)
        let wanted = classifier.logits(rows, workspace: Workspace())
        let largest = wanted.values.map(abs).max() ?? 0
        for level in Models.levels {
            let predictor = Predictor(classifier, level: level)
            let found = predictor.logits(rows, workspace: Workspace(threads: 2))
            #expect(found.shape == wanted.shape)
            let worst = zip(found.values, wanted.values).map { abs($0 - $1) }.max() ?? 0
            #expect(worst < 1e-5 * max(1, largest))
            #expect(predictor.logits(rows) == found)
            #expect(predictor.probabilities(rows) == Classifier.probabilities(logits: found))
            for row in [0, 15, 16, 36] {
                #expect(predictor.logits(rows.rows(row..<row + 1)).values[...] == found.row(row))
            }
            #expect(predictor.logits(rows.rows(0..<0)).values.isEmpty)
        }
    }

    @Test("a predictor is asked by many threads at once")
    func manyThreads() throws {
        let models = Models.all[6]
        let predictor = Predictor(try models.networks().1)
        let rows = models.images(20, seed: 6)
        let wanted = predictor.logits(rows)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for row in 0..<20 {
                #expect(predictor.logits(rows.rows(row..<row + 1)).values[...] == wanted.row(row))
            }
        }
    }

    @Test("an examiner finds what one worker finds, on any number of threads", arguments: [1, 2, 5])
    func examinations(threads: Int) throws {
        let (autoencoder, auxiliary) = try Models.all[0].networks()
        let networks = ScoringNetworks(autoencoder, auxiliary, maskedPass: MaskedPass(ratio: 0.5))
        let (rows, secret) = (Models.all[0].images(37, seed: 4), MaskSecret(seed: 9))
        let plan = try Plan(networks, precision: .f32)
        let wanted = plan.examine(
            rows, seeds: secret.seeds(rows, plan.image), arena: plan.makeArena())
        let examiner = try Examiner(networks, secret: secret, workspace: Workspace(threads: threads))
        #expect(examiner.examine(rows) == wanted)
        #expect(examiner.examine(rows) == wanted)
        #expect(examiner.examine(rows.rows(0..<0)).isEmpty)
    }
}
