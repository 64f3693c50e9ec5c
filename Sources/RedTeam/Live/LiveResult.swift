/// What a live gateway did with honest queries and with attacks.
package struct LiveResult: Codable, Hashable, Sendable {
    /// What became of one client's queries.
    package struct Treatment: Codable, Hashable, Sendable {
        /// ``RunHistogram/honest`` or the attack's name.
        package var name: String
        /// Queries of an attack's own making: the clean pictures that some begin with are not among these, nor among those
        /// answered, refused or perturbed.
        package var asked: Int
        package var answered: Int
        /// By reason.
        package var refused: [String: Int]
        /// Queries without an answer, those about clean pictures too, by what was said of them: the status and, of a problem
        /// document, its title and type.
        package var reasons: [String: Int]
        /// Responses by status, those that were asked again and those to clean pictures too.
        package var statuses: [String: Int]
        /// Answers that differ from the clean reference; nil where there is none.
        package var perturbed: Int?
        /// **Units** mean absolute change of such an answer, summed over the classes.
        package var perturbation: Double?
        /// Challenges paid.
        package var proofs: Int
        /// The hashes that paid challenges were expected to take, and that all challenges asked for.
        package var hashesPaid: Double
        package var hashesAsked: Double
        /// **Units** seconds of solving.
        package var proofSeconds: Double
        /// The substitute's, of an attack.
        package var accuracy: Double?
        package var fidelity: Double?
        /// How many of the queries the decision log has; nil where there was no log.
        package var decided: Int?
        /// The benign percentiles that the decision log gives these queries. **Units** percent.
        package var percentiles: [Double] = []

        /// Queries whose replies an interrupted run had got already. What these took, in `reasons`, `statuses`, proofs,
        /// hashes and seconds, nobody knows any more.
        package var takenUp: Int?
        /// True where an earlier run asked all of them, and this one none.
        package var isKept: Bool?

        /// The share of the queries that got an answer.
        package var answeredShare: Double { Double(answered) / Double(max(1, asked)) }
    }

    /// Where the gateway was asked.
    package var url: String
    /// What honest users got.
    package var honest: Treatment
    /// What each attack got, in the order they were run.
    package var attacks: [Treatment]
    /// What the owner should set.
    package var advice: LiveAdvice
}
