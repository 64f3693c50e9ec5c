import Engine

/// What one scoring worker keeps between jobs: each model's working memory.
///
/// Confined to its worker's thread; a plan itself is immutable and shared.
package final class ScoringScratch {
    private var arenas: [ObjectIdentifier: PlanArena] = [:]

    /// Nothing yet: memory is made with a model's first query.
    package init() {}

    /// This worker's memory for `plan`.
    func arena(for plan: Plan) -> PlanArena {
        if let arena = arenas[ObjectIdentifier(plan)] { return arena }
        let arena = plan.makeArena()
        arenas[ObjectIdentifier(plan)] = arena
        return arena
    }
}
