import Foundation
import Neural
import SAME
import Tensor

/// DFME and MAZE: a generator looks for pictures on which student and victim disagree, the student learns
/// from them. No data of any kind is needed.
///
/// The generator's gradient comes by forward differences through victim and student alike, in the picture
/// before its tanh.
/// **Source** Truong et al. 2021 (DFME); Kariyappa et al. 2021 (MAZE).
package struct DataFree: Attack {
    package let name: String
    package var loss: Disagreement
    package var difference: ForwardDifference
    package var batch = 256
    /// Values of the generator's noise.
    package var noise = 256
    /// Channels of the generator's first map.
    package var generatorWidth = 32
    /// Student steps on fresh queries in each iteration.
    package var studentSteps = 5
    /// Student steps on earlier answers in each iteration.
    package var replaySteps: Int
    /// SGD's.
    package var studentRate: Float = 0.1
    /// AdamW's, without decay.
    package var generatorRate: Float = 1e-4
    /// The student.
    package var training = SubstituteTraining()

    /// DFME: L1 between logits, one direction.
    package static let dfme = DataFree(
        name: "dfme", loss: .l1, difference: ForwardDifference(directions: 1, step: 1e-3), replaySteps: 0)
    /// MAZE: KL, ten directions, ten replays.
    package static let maze = DataFree(
        name: "maze", loss: .kl, difference: ForwardDifference(directions: 10, step: 1e-3), replaySteps: 10)

    private init(name: String, loss: Disagreement, difference: ForwardDifference, replaySteps: Int) {
        self.name = name
        self.loss = loss
        self.difference = difference
        self.replaySteps = replaySteps
    }

    /// What shapes its queries, for reports.
    package var options: [String: String] {
        [
            "loss": loss.rawValue, "directions": "\(difference.directions)", "step": "\(difference.step)",
            "batch": "\(batch)", "noise": "\(noise)", "generator width": "\(generatorWidth)",
            "student steps": "\(studentSteps)", "replay steps": "\(replaySteps)",
            "student rate": "\(studentRate)", "generator rate": "\(generatorRate)",
            "generator steps": "before a student step",
            "student": "\(training.kind)",
        ]
    }

    /// The queries of one generator step.
    private var generatorQueries: Int { batch * (difference.directions + 1) }

    /// The queries of one whole iteration.
    package var queriesPerIteration: Int { generatorQueries + batch * studentSteps }

    /// Asks until the budget is spent, and returns the substitute.
    ///
    /// The generator learns only where the budget has a whole student step after it: what it would learn else, no student sees.
    package func steal(
        through session: AttackSession, generator: inout RandomGenerator
    ) throws -> Classifier {
        var run = try Run(self, session, &generator)
        while session.remaining > 0 {
            if session.remaining >= generatorQueries + batch {
                try run.teachGenerator(&generator)
            }
            for _ in 0..<studentSteps where session.remaining > 0 { try run.teachStudent(&generator) }
            for _ in 0..<replaySteps { try run.replay(&generator) }
        }
        return run.student
    }

    /// The two networks at play.
    private struct Run {
        let attack: DataFree
        let session: AttackSession
        let student: Classifier
        let maker: PictureGenerator
        private let studentOptimizer: SGD
        private let makerOptimizer: AdamW

        init(_ attack: DataFree, _ session: AttackSession, _ generator: inout RandomGenerator) throws {
            self.attack = attack
            self.session = session
            student = try attack.training.makeSubstitute(session, generator: &generator)
            maker = PictureGenerator(
                image: session.image, noise: attack.noise, width: attack.generatorWidth, generator: &generator
            )
            studentOptimizer = SGD(
                student.parameters, settings: SGD.Settings(momentum: 0.9, weightDecay: 5e-4))
            makerOptimizer = AdamW(maker.parameters, settings: AdamW.Settings(weightDecay: 0))
        }

        /// One step up the disagreement.
        mutating func teachGenerator(_ generator: inout RandomGenerator) throws {
            maker.zeroGradients()
            let noise = makeNoise(&generator)
            try maker.learn(noise, workspace: session.workspace) { points in
                var slopes = try attack.difference.gradient(at: points, generator: &generator) { points in
                    try disagreements(points.mapped(tanh))
                }
                let scale = -1 / Float(points.rows)
                for index in 0..<slopes.count { slopes.values[index] *= scale }
                return slopes
            }
            makerOptimizer.step(learningRate: attack.generatorRate, workspace: session.workspace)
        }

        /// Of each picture; nil where the victim refused it.
        private func disagreements(_ pictures: Tensor) throws -> [Double?] {
            let replies = try session.ask(pictures)
            let logits = student.logits(pictures, workspace: session.workspace)
            return replies.enumerated().map { row, reply in
                reply.answer.map { attack.loss.evaluate(logits.row(row), answer: $0).value }
            }
        }

        /// One student step on fresh pictures.
        mutating func teachStudent(_ generator: inout RandomGenerator) throws {
            let pictures = maker.make(makeNoise(&generator), workspace: session.workspace).mapped(tanh)
            let replies = try session.ask(pictures)
            let rows = replies.indices.filter { replies[$0].answer != nil }
            try step(pictures.gathering(rows: rows), rows.compactMap { replies[$0].answer })
        }

        /// One student step on answers got before.
        mutating func replay(_ generator: inout RandomGenerator) throws {
            let record = session.record
            guard record.count > 0 else { return }
            let rows = (0..<attack.batch).map { _ in generator.integer(below: record.count) }
                .filter { record.replies[$0].answer != nil }
            try step(record.queries(at: rows), rows.compactMap { record.replies[$0].answer })
        }

        private func step(_ pictures: Tensor, _ answers: [[Float]]) throws {
            try session.check()
            guard !answers.isEmpty else { return }
            let loss = attack.loss
            student.zeroGradients()
            let value = student.lossAndGradients(
                pictures,
                .function { logits in
                    var (total, slopes) = (0.0, [Float]())
                    for (row, answer) in answers.enumerated() {
                        let (value, slope) = loss.evaluate(logits.row(row), answer: answer)
                        total += value / Double(answers.count)
                        slopes += slope.map { Float($0 / Double(answers.count)) }
                    }
                    return (total, Tensor(shape: logits.shape, values: slopes))
                }, workspace: session.workspace
            ).loss
            guard value.isFinite else { throw AttackError.diverged(attack: attack.name) }
            studentOptimizer.step(learningRate: attack.studentRate, workspace: session.workspace)
        }

        private func makeNoise(_ generator: inout RandomGenerator) -> Tensor {
            let values = (0..<attack.batch * attack.noise).map { _ in Float(generator.normal()) }
            return Tensor(shape: [attack.batch, attack.noise], values: values)
        }
    }
}

extension Tensor {
    /// The same shape with `function` of every value.
    func mapped(_ function: (Float) -> Float) -> Tensor { Tensor(shape: shape, values: values.map(function)) }
}
