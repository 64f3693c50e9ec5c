/// How a route's answers carry the class values.
package struct AnswerFormat: Hashable, Sendable {
    /// The wire protocol.
    package var wireProtocol: WireProtocol
    /// The name of the tensor with the class values; nil accepts an unnamed tensor or the only named one.
    package var outputName: String?
    /// What the numbers are.
    package var kind: AnswerKind
    /// The number of classes the model's bundle expects; nil accepts any number from 2 on.
    package var classes: Int?
    /// How far a row of probabilities may be from summing to 1; one whose numbers were rounded may be further by as much as that
    /// explains.
    package var sumTolerance: Double

    /// A format as given.
    package init(
        wireProtocol: WireProtocol = .tensorFlowServing, outputName: String? = nil,
        kind: AnswerKind = .probabilities, classes: Int? = nil, sumTolerance: Double = 1e-3
    ) {
        self.wireProtocol = wireProtocol
        self.outputName = outputName
        self.kind = kind
        self.classes = classes
        self.sumTolerance = sumTolerance
    }
}

/// What the numbers of an answer are; the raw value is the name in configuration.
package enum AnswerKind: String, CaseIterable, Sendable {
    /// Not negative, summing to 1.
    case probabilities
    /// Natural logarithms of probabilities.
    case logProbabilities = "log-probabilities"
    /// Any finite numbers; softmax gives the probabilities.
    case logits
    /// The largest probabilities alone, in any order.
    case topK = "top-k"
    /// The most probable class alone, a number or a name.
    case labels

    /// Whether the probability of every class can be told from an answer: it can be scored against, and changed.
    package var isDistribution: Bool { self != .topK && self != .labels }
}
