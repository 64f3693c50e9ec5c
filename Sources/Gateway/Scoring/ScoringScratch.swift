import Engine

/// What one scoring worker keeps between jobs: each model's working memory.
///
/// Confined to its worker's thread; a plan itself is immutable and shared.
package final class ScoringScratch {
    private struct Kept {
        weak var plan: Plan?
        let arena: PlanArena
    }

    private var arenas: [ObjectIdentifier: Kept] = [:]

    /// Nothing yet: memory is made with a model's first query.
    package init() {}

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
