import SAME
import Tensor

/// A plan with all the threads of a workspace: for queries by the thousand, in fits and evaluations.
///
/// Belongs to one thread at a time. A row's examination is bitwise the same whatever rows are beside it and however many
/// threads there are, and so the one that a gateway makes in the same precision.
package final class Examiner {
    private let plan: Plan
    private let secret: MaskSecret
    private let workspace: Workspace
    private let arenas: [PlanArena]

    /// Compiles networks, in 32 bits unless another precision is asked for; masks are drawn from `secret`.
    ///
    /// **Throws** where the processor lacks the precision's instructions: never in 32 bits.
    package init(
        _ networks: ScoringNetworks, precision: Plan.Precision = .f32, secret: MaskSecret,
        workspace: Workspace
    ) throws(PlanError) {
        let plan = try Plan(networks, precision: precision)
        self.plan = plan
        self.secret = secret
        self.workspace = workspace
        arenas = (0..<workspace.threads).map { _ in plan.makeArena() }
    }

    /// The examination of each row.
    ///
    /// **Shapes** rows (B, C·H·W) or (B, C, H, W), canonical values −1…1.
    package func examine(_ rows: Tensor) -> [Examination] {
        let seeds = plan.masks ? secret.seeds(rows, plan.image) : []
        let together = Plan.imagesAtOnce
        let parts = (rows.rows + together - 1) / together
        return [[Examination]](unsafeUninitializedCapacity: parts) { room, filled in
            // because: each item initialises its own part.
            nonisolated(unsafe) let room = room
            workspace.share(parts) { part, thread in
                let range = part * together..<min((part + 1) * together, rows.rows)
                let found = plan.examine(
                    rows.rows(range), seeds: plan.masks ? Array(seeds[range]) : [], arena: arenas[thread])
                (room.baseAddress! + part).initialize(to: found)
            }
            filled = parts
        }.flatMap(\.self)
    }
}
