import Engine
import SAME
import Tensor
import Transport

/// What one scoring worker keeps between jobs: each model's working memory.
///
/// Confined to its worker's thread; a plan itself is immutable and shared.
package final class ScoringScratch {
    private struct Kept {
        weak var plan: Plan?
        let arena: PlanArena
    }

    private var arenas: [ObjectIdentifier: Kept] = [:]
    private var told: [Message] = []

    /// What a turn has to tell, and the place that has all it asked for with it; nil for a job's, which has no other turns.
    struct Message {
        let place: ScoringPlace?
        let tell: @Sendable () -> Void
    }

    /// Nothing yet: memory is made with a model's first query.
    package init() {}

    /// Has `message` called when the turn's rows do not count as a worker's any more: whoever is told by it may ask again at
    /// once.
    package func tell(_ message: @escaping @Sendable () -> Void) {
        told.append(Message(place: nil, tell: message))
    }

    /// What the turn has to tell; nothing is left of it here.
    func takeTold() -> [Message] {
        defer { told = [] }
        return told
    }

    /// Examines slices of queries together and gives each query its part.
    func examine(_ slices: [ScoringQueue.Slice], by plan: Plan, _ clock: any LoopClock) {
        let begun = clock.now()
        let count = slices.reduce(0) { $0 + $1.rows.count }
        let rows = Tensor(shape: [count, plan.image.count], values: values(of: slices, plan.image.count))
        let seeds = plan.masks ? slices.flatMap { $0.query.seeds[$0.rows] } : []
        let found = plan.examine(rows, seeds: seeds, arena: arena(for: plan), settles: settling(slices))
        let ended = clock.now()
        var start = 0
        for slice in slices {
            let part = found[start..<start + slice.rows.count]
            let query = slice.query
            let whole = query.keep(
                part, from: slice.rows.lowerBound, begun: begun, ended: ended, turn: start == 0 ? count : nil)
            if let whole { told.append(Message(place: query.place) { query.end(.examined(whole)) }) }
            start += slice.rows.count
        }
    }

    /// Asks each row's own query whether its reconstruction, statistics and frame decide alone.
    private func settling(_ slices: [ScoringQueue.Slice]) -> ((Int, Examination) -> Bool)? {
        guard slices.contains(where: { $0.query.settles != nil }) else { return nil }
        let asked = slices.flatMap { slice in slice.rows.map { _ in slice.query.settles } }
        return { row, begun in asked[row]?(begun) ?? false }
    }

    /// The slices' rows one after the other; a whole query's own memory where it is alone.
    private func values(of slices: [ScoringQueue.Slice], _ width: Int) -> [Float] {
        if slices.count == 1, slices[0].rows.count == slices[0].query.rows { return slices[0].query.values }
        var values: [Float] = []
        values.reserveCapacity(slices.reduce(0) { $0 + $1.rows.count * width })
        for slice in slices {
            values += slice.query.values[slice.rows.lowerBound * width..<slice.rows.upperBound * width]
        }
        return values
    }

    /// This worker's memory for `plan`.
    func arena(for plan: Plan) -> PlanArena {
        // A plan that has gone may have left its address to this one, whose memory is laid out in another way.
        if let kept = arenas[ObjectIdentifier(plan)], kept.plan === plan { return kept.arena }
        arenas = arenas.filter { $0.value.plan != nil }
        let arena = plan.makeArena()
        arenas[ObjectIdentifier(plan)] = Kept(plan: plan, arena: arena)
        return arena
    }
}
