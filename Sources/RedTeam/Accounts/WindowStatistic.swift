/// The mean calibrated surprise of an account's last queries.
///
/// One query of a careful thief looks like anyone's; many of them together do not.
package struct WindowStatistic: Sendable {
    /// n.
    package let size: Int
    private var recent: [Double] = []
    private var next = 0
    private var sum = 0.0

    /// A window over the last `size` queries. Traps unless it is at least 1.
    package init(size: Int) {
        precondition(size >= 1)
        self.size = size
    }

    /// Takes a query's surprise, held below a bound so that one cannot outshout a whole window. **Units** nats.
    package mutating func observe(_ surprise: Double) {
        let value = min(max(surprise.isNaN ? Self.surpriseMax : surprise, 0), Self.surpriseMax)
        if recent.count < size {
            recent.append(value)
        } else {
            recent[next] = value
            next = (next + 1) % size
        }
        // Summed anew: adding and taking away would let rounding creep in over millions of queries.
        sum = recent.reduce(0, +)
    }

    /// The mean of what the window holds; 0 when it holds nothing.
    package var mean: Double { recent.isEmpty ? 0 : sum / Double(recent.count) }

    /// The surprise of one benign query in e²⁰.
    package static let surpriseMax = 20.0
}
