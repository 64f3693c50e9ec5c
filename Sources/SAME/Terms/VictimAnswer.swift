/// What the victim let know of one query: as little as nothing, as much as the probability of every class.
package struct VictimAnswer: Hashable, Sendable {
    /// One probability a class.
    package var probabilities: [Float]?
    /// The largest probability, where the others are not told.
    package var confidence: Float?

    /// Nothing that a term could use: no answer, or a label alone.
    package static let nothing = VictimAnswer()

    private init(probabilities: [Float]? = nil, confidence: Float? = nil) {
        self.probabilities = probabilities
        self.confidence = confidence
    }

    /// The probability of every class. What is no distribution tells nothing.
    package static func distribution(_ probabilities: [Float]) -> Self { Self(probabilities: probabilities) }

    /// The largest probability alone, as of an answer that holds the top classes.
    package static func confidence(_ largest: Float) -> Self { Self(confidence: largest) }
}
