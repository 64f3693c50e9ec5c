/// What a term's surprise counts for in a tail-sum.
///
/// A sum pays for every term: one that says nothing of a kind of query still adds its benign noise, and blurs those that
/// do. A term that is either silent or sure, as a detector is, is better heard only past a floor, and then loudly.
package struct Voice: Codable, Hashable, Sendable {
    /// The surprise below which the term is silent. **Units** nats.
    package let floor: Double
    /// What a nat above the floor counts for.
    package let weight: Double

    /// A voice as given.
    package init(floor: Double, weight: Double) {
        self.floor = floor
        self.weight = weight
    }

    /// Every nat counts for one.
    package static let plain = Voice(floor: 0, weight: 1)

    /// What a surprise adds to the sum. **Units** nats.
    package func heard(_ surprise: Double) -> Double { weight * max(0, surprise - floor) }

    /// What is wrong with a voice read from a file, or nil.
    package var defect: String? {
        guard floor >= 0, floor <= 100 else { return "the floor of its voice is outside 0…100" }
        return weight >= 0.01 && weight <= 100 ? nil : "the weight of its voice is outside 0.01…100"
    }
}
