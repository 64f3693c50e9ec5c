import Tensor

/// Queries in the order they were asked, with their replies.
package struct AttackRecord: Sendable, Equatable {
    /// The pictures' shape.
    package let image: ImageShape
    /// **Shapes** (N, C·H·W), canonical values.
    package private(set) var values: [Float] = []
    /// One a query.
    package private(set) var replies: [OracleReply] = []
    /// One a query.
    package private(set) var origins: [QueryOrigin] = []

    /// No queries yet.
    package init(image: ImageShape) { self.image = image }

    /// The number of queries.
    package var count: Int { replies.count }

    /// All queries. **Shapes** (N, C·H·W).
    package var queries: Tensor { Tensor(shape: [count, image.count], values: values) }

    /// The queries at `indices`. **Shapes** (B, C·H·W).
    package func queries(at indices: some Collection<Int>) -> Tensor {
        var chosen: [Float] = []
        chosen.reserveCapacity(indices.count * image.count)
        for index in indices { chosen += values[index * image.count..<(index + 1) * image.count] }
        return Tensor(shape: [indices.count, image.count], values: chosen)
    }

    /// How many replies were refusals of each kind.
    package var refusals: [OracleRefusal: Int] {
        var counts: [OracleRefusal: Int] = [:]
        for case .refused(let reason) in replies { counts[reason, default: 0] += 1 }
        return counts
    }

    /// Adds queries with their replies. Traps when their numbers differ.
    package mutating func append(_ queries: Tensor, _ replies: [OracleReply], origin: QueryOrigin) {
        precondition(queries.rows == replies.count && queries.rowCount == image.count)
        values += queries.values
        self.replies += replies
        origins += [QueryOrigin](repeating: origin, count: replies.count)
    }

    /// The queries that were answered, with their answers: what a substitute learns from.
    ///
    /// **Shapes** (M, C·H·W) and (M, K).
    package func answered(classes: Int) -> (queries: Tensor, answers: Tensor) {
        let indices = (0..<count).filter { replies[$0].answer != nil }
        let answers = indices.flatMap { replies[$0].answer ?? [] }
        return (queries(at: indices), Tensor(shape: [indices.count, classes], values: answers))
    }
}
