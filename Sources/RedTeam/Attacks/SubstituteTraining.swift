import Learning
import Neural
import SAME
import Tensor

/// How an attack trains its substitute on the victim's answers.
package struct SubstituteTraining: Codable, Hashable, Sendable {
    /// The kind and width of the network.
    package var kind = FitOptions.AuxiliaryKind.conv3(width: 16)
    /// Passes through the answered queries.
    package var epochs = 10
    package var batch = 32
    /// AdamW's.
    package var learningRate: Float = 1e-3

    /// The defaults: minutes for thousands of queries on two cores.
    package init() {}

    /// The options for a report.
    package var options: [String: String] {
        [
            "substitute": "\(kind)", "epochs": "\(epochs)", "batch": "\(batch)",
            "learning rate": "\(learningRate)",
        ]
    }

    /// A substitute that knows nothing yet.
    package func makeSubstitute(
        _ session: AttackSession, generator: inout RandomGenerator
    ) throws(AttackError) -> Classifier {
        do throws(ArchitectureError) {
            let architecture = kind.architecture(image: session.image, classes: session.classes)
            return try Classifier(architecture, generator: &generator)
        } catch {
            throw .architecture(error)
        }
    }

    /// A fresh substitute trained on everything answered so far: cross entropy with the victim's
    /// probabilities.
    package func substitute(
        from session: AttackSession, attack: String, generator: inout RandomGenerator
    ) throws(AttackError) -> Classifier {
        let model = try makeSubstitute(session, generator: &generator)
        try train(model, from: session, attack: attack, generator: &generator)
        return model
    }

    /// Trains `model` further, on everything answered so far.
    package func train(
        _ model: Classifier, from session: AttackSession, attack: String, generator: inout RandomGenerator
    ) throws(AttackError) {
        let (queries, answers) = session.record.answered(classes: session.classes)
        guard queries.rows > 0 else { return }
        let optimizer = AdamW(model.parameters)
        let steps = epochs * ((queries.rows + batch - 1) / batch)
        let schedule = LearningRateSchedule(peak: Double(learningRate), totalSteps: steps)
        var step = 0
        for _ in 0..<epochs {
            let order = generator.permutation(queries.rows)
            for start in stride(from: 0, to: order.count, by: batch) {
                try session.check()
                let rows = order[start..<min(start + batch, order.count)]
                model.zeroGradients()
                let loss = model.lossAndGradients(
                    queries.gathering(rows: rows), .probabilities(answers.gathering(rows: rows)),
                    workspace: session.workspace
                ).loss
                guard loss.isFinite else { throw .diverged(attack: attack) }
                optimizer.step(learningRate: schedule.rate(atStep: step), workspace: session.workspace)
                step += 1
            }
        }
    }
}
