import SAME
import Tensor

/// What an attack did and what it got: queries, replies, substitute.
package struct AttackTrace: Sendable {
    /// Everything about it but the arrays.
    package struct Summary: Codable, Hashable, Sendable {
        package var attack: String
        package var options: [String: String]
        package var seed: UInt64
        package var budget: Int
        /// Queries counted against the budget.
        package var asked: Int
        /// The substitute's architecture; nil while unfinished.
        package var architecture: ClassifierArchitecture?
        /// Of the substitute, on test pictures: share of right classes.
        package var accuracy: Double?
        /// Share of test pictures that substitute and victim put into the same class.
        package var fidelity: Double?

        /// A summary as given.
        package init(
            attack: String, options: [String: String], seed: UInt64, budget: Int, asked: Int,
            architecture: ClassifierArchitecture?, accuracy: Double? = nil, fidelity: Double? = nil
        ) {
            self.attack = attack
            self.options = options
            self.seed = seed
            self.budget = budget
            self.asked = asked
            self.architecture = architecture
            self.accuracy = accuracy
            self.fidelity = fidelity
        }
    }

    /// Everything but the arrays.
    package var summary: Summary
    /// The queries with their replies.
    package let record: AttackRecord
    /// The stolen model; nil when a trace is unfinished.
    package let substitute: Classifier?

    /// A trace as given.
    package init(summary: Summary, record: AttackRecord, substitute: Classifier?) {
        self.summary = summary
        self.record = record
        self.substitute = substitute
    }
}

/// What a substitute is measured on; the victim's answers to these are asked outside any budget.
package struct SubstituteTest: Sendable {
    /// **Shapes** (N, C·H·W), canonical values.
    package let pictures: Tensor
    package let labels: [Int]
    package let victimLabels: [Int]

    /// Test pictures with their classes and the victim's opinion. Traps when the numbers differ.
    package init(pictures: Tensor, labels: [Int], victimLabels: [Int]) {
        precondition(pictures.rows == labels.count && labels.count == victimLabels.count)
        self.pictures = pictures
        self.labels = labels
        self.victimLabels = victimLabels
    }

    /// The substitute's accuracy and fidelity.
    package func measure(
        _ substitute: Classifier, workspace: Workspace
    ) -> (accuracy: Double, fidelity: Double) {
        let logits = substitute.logits(pictures, workspace: workspace)
        let found = (0..<logits.rows).map { logits.row($0).largest ?? 0 }
        let count = Double(max(1, found.count))
        return (
            Double(zip(found, labels).count { $0 == $1 }) / count,
            Double(zip(found, victimLabels).count { $0 == $1 }) / count
        )
    }
}

extension Attack {
    /// Runs the attack to its end through the session; all chance comes from `seed`.
    package func run(
        through session: AttackSession, seed: UInt64, test: SubstituteTest? = nil
    ) throws -> AttackTrace {
        var generator = RandomGenerator(seed: seed)
        let substitute = try steal(through: session, generator: &generator)
        let measured = test.map { $0.measure(substitute, workspace: session.workspace) }
        let summary = AttackTrace.Summary(
            attack: name, options: options, seed: seed, budget: session.budget, asked: session.asked,
            architecture: substitute.architecture, accuracy: measured?.accuracy, fidelity: measured?.fidelity)
        return AttackTrace(summary: summary, record: session.record, substitute: substitute)
    }
}
