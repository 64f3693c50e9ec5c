import SAME
import Tensor

/// KnockoffNets with random selection: pictures from elsewhere, each once, in random order.
///
/// With a share of the victim's own data as its pool it is the in-distribution thief.
/// **Source** Orekondy et al. 2019.
package struct Knockoff: Attack {
    package let name: String
    /// What it asks about.
    package let pool: PicturePool
    /// How its substitute is trained.
    package let training: SubstituteTraining
    /// What the queries count as.
    let origin: QueryOrigin

    /// An attack that asks about the pool's pictures.
    package init(pool: PicturePool, training: SubstituteTraining = SubstituteTraining()) {
        name = "knockoff"
        self.pool = pool
        self.training = training
        origin = .attack
    }

    /// The same under another name, for reports on several sets of pictures.
    init(name: String, pool: PicturePool, training: SubstituteTraining) {
        self.name = name
        self.pool = pool
        self.training = training
        origin = .attack
    }

    /// A thief who has a random `share` of the victim's own kind of data.
    package static func inDistribution(
        _ data: PicturePool, share: Double = 0.05, seed: UInt64,
        training: SubstituteTraining = SubstituteTraining()
    ) -> Knockoff {
        var generator = RandomGenerator(seed: seed)
        let count = min(data.count, Int((Double(data.count) * min(max(share, 0), 1)).rounded(.up)))
        let kept = generator.permutation(data.count).prefix(count)
        return Knockoff(
            name: "in-distribution", pool: PicturePool(images: data.images.selecting(kept)),
            training: training)
    }

    /// What shapes its queries, for reports.
    package var options: [String: String] {
        // The victim's and the proxy's pictures are in an evaluation's own digest; others are told apart here.
        let others = ["knockoff", "in-distribution"].contains(name) ? [:] : ["digest": pool.images.digest]
        return training.options.merging(["pictures": "\(pool.count)"]) { $1 }.merging(others) { $1 }
    }

    /// Asks until the budget is spent, and returns the substitute.
    package func steal(
        through session: AttackSession, generator: inout RandomGenerator
    ) throws -> Classifier {
        try pool.require(session, attack: name)
        try session.ask(pool, at: generator.permutation(pool.count), origin: origin)
        return try training.substitute(from: session, attack: name, generator: &generator)
    }
}
