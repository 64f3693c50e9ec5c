import Tensor

/// PRADA: an account whose queries' distances to each other are not normally distributed is stealing.
///
/// **Source** Juuti et al. 2019. Of each class a growing set is kept; a query's distance is that to the nearest member of its
/// class's set, and it joins the set when that is above the class's threshold T, which is raised to mean − deviation of
/// the set's distances. A class's first query has no distance.
package struct PRADA: Sendable {
    /// What is left open by the rules.
    package struct Settings: Hashable, Sendable {
        /// δ: an alarm is raised where W is below it.
        package var threshold = 0.90
        /// Queries between two tests.
        package var testEvery = 10
        /// Distances a class needs to take part.
        package var classDistancesMin = 10
        /// A test needs more distances than this.
        package var distancesMin = 100
        /// A bound on memory: a growing set that is full takes no more.
        package var growingSetMax = 4096
        /// A bound on memory: distances of a class beyond it replace the oldest.
        package var classDistancesMax = 8192

        /// The published values.
        package init() {}
    }

    private struct Class {
        var members: [[Float]] = []
        var memberDistances: [Double] = []
        var threshold = 0.0
        var distances: [Double] = []
    }

    private let settings: Settings
    private var classes: [Int: Class] = [:]
    /// Queries seen.
    package private(set) var count = 0
    /// The last test's W.
    package private(set) var statistic: Double?
    /// The lowest W of all tests.
    package private(set) var lowest: Double?
    /// The query at which the first alarm was raised, counted from 1.
    package private(set) var alarm: Int?

    /// The detector of one account.
    package init(settings: Settings = Settings()) { self.settings = settings }

    /// Takes a query with the class that the victim gave it, and returns whether an alarm has been raised so far.
    package mutating func observe(_ query: ArraySlice<Float>, label: Int) -> Bool {
        count += 1
        var entry = classes[label] ?? Class()
        observe(Array(query), in: &entry)
        classes[label] = entry
        if count.isMultiple(of: settings.testEvery) { test() }
        return alarm != nil
    }

    private func observe(_ query: [Float], in entry: inout Class) {
        guard let distance = entry.members.lazy.map({ Self.distance($0, query) }).min() else {
            entry.members.append(query)
            return
        }
        if entry.distances.count >= settings.classDistancesMax { entry.distances.removeFirst() }
        entry.distances.append(distance)
        guard distance > entry.threshold, entry.members.count < settings.growingSetMax else { return }
        entry.members.append(query)
        entry.memberDistances.append(distance)
        let (mean, deviation) = Self.moments(entry.memberDistances)
        entry.threshold = max(entry.threshold, mean - deviation)
    }

    private mutating func test() {
        // By class number, so that a sum's rounding does not depend on a dictionary's order.
        let pooled = classes.sorted { $0.key < $1.key }.map(\.value.distances)
            .filter { $0.count >= settings.classDistancesMin }.flatMap { $0 }
        guard !pooled.isEmpty else { return }
        let (mean, deviation) = Self.moments(pooled)
        let kept = pooled.filter { abs($0 - mean) <= 3 * deviation }
        guard kept.count > settings.distancesMin, let found = ShapiroWilk.statistic(kept) else { return }
        statistic = found
        lowest = min(lowest ?? 1, found)
        if alarm == nil, found < settings.threshold { alarm = count }
    }

    private static func distance(_ a: [Float], _ b: [Float]) -> Double {
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                guard let left = a.baseAddress, let right = b.baseAddress, a.count == b.count else {
                    return 0
                }
                return Kernels.squaredDistance(left, right, a.count).squareRoot()
            }
        }
    }

    private static func moments(_ values: [Double]) -> (mean: Double, deviation: Double) {
        let mean = values.reduce(0, +) / Double(values.count)
        let square = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        return (mean, square.squareRoot())
    }
}
