import Tensor

/// What an evaluation's attackers have to hand.
package struct AttackMaterial: Sendable {
    /// Pictures from elsewhere.
    package let proxy: PicturePool
    /// The victim's own training pictures.
    package let own: PicturePool
    /// How many of these JBDA and CloudLeak start from.
    package var seedCount = 200
    /// JBDA's step and rounds. **Units** of the step: canonical values, see ``JacobianAugmentation/step``.
    package var step: Float = 0.1
    package var rounds = 6
    /// What a pixel must be brighter than for `jbda-ink` to step it: a quarter of the way from black to white, the ink of a
    /// digit, the cloth of a garment. **Units** canonical values.
    package var inkAbove: Float = -0.5
    /// The quality of `jbda-jpeg`.
    package var jpegQuality = 90
    /// Further pictures to ask about at random, by the names that they have in reports.
    package var queries: [String: PicturePool] = [:]
    /// The substitutes' training.
    package var training = SubstituteTraining()

    /// Material as given.
    package init(proxy: PicturePool, own: PicturePool) {
        self.proxy = proxy
        self.own = own
    }
}

/// The attacks by name, each in its usual settings.
package enum AttackCatalogue {
    /// Every name, in the order of reports.
    package static let names = [
        "jbda", "jbda-small", "jbda-strong", "jbda-ink", "jbda-jpeg",
        "knockoff", "knockoff-adaptive",
        "activethief-entropy",
        "activethief-k-centre", "dfme", "maze", "ripper", "cloudleak", "noise-uniform", "noise-normal",
        "in-distribution",
    ]

    /// The attack of a name, or of the pictures of that name, for a budget; nil for a name that is none.
    ///
    /// `seed` draws the few pictures that some attacks begin with.
    package static func attack(
        named name: String, material: AttackMaterial, budget: Int, seed: UInt64
    ) -> (any Attack)? {
        let training = material.training
        switch name {
        case "jbda", "jbda-small", "jbda-strong", "jbda-ink", "jbda-jpeg":
            return jacobian(name, material, seed)
        case "knockoff": return Knockoff(pool: material.proxy, training: training)
        case "knockoff-adaptive": return AdaptiveKnockoff(pool: material.proxy, training: training)
        case "activethief-entropy":
            return ActiveThief(pool: material.proxy, selection: .entropy, training: training)
        case "activethief-k-centre":
            return ActiveThief(pool: material.proxy, selection: .kCentre, training: training)
        case "dfme": return dataFree(.dfme, material, budget)
        case "maze": return dataFree(.maze, material, budget)
        case "ripper":
            var attack = Ripper(pool: material.proxy)
            attack.training = training
            return attack
        case "cloudleak":
            var attack = CloudLeak(seeds: seeds(material, seed))
            attack.training = training
            return attack
        case "noise-uniform": return NoiseAttack(.uniform, training: training)
        case "noise-normal": return NoiseAttack(.normal, training: training)
        case "in-distribution":
            return Knockoff.inDistribution(material.own, seed: seed, training: training)
        default:
            return material.queries[name].map { Knockoff(name: name, pool: $0, training: training) }
        }
    }

    private static func seeds(_ material: AttackMaterial, _ seed: UInt64) -> PicturePool {
        var generator = RandomGenerator(seed: seed, stream: 1)
        let chosen = generator.permutation(material.own.count).prefix(material.seedCount)
        return PicturePool(images: material.own.images.selecting(chosen))
    }

    private static func jacobian(
        _ name: String, _ material: AttackMaterial, _ seed: UInt64
    ) -> JacobianAugmentation {
        var attack = JacobianAugmentation(seeds: seeds(material, seed))
        attack.training = material.training
        attack.title = name
        attack.step = material.step
        attack.rounds = material.rounds
        // The smallest step that the 8 bits of a picture carry well.
        if name == "jbda-small" { attack.step = 0.4 * material.step }
        if name == "jbda-strong" { attack.step = 2 * material.step }
        if name == "jbda-jpeg" { attack.jpegQuality = material.jpegQuality }
        if name == "jbda-ink" { attack.inkAbove = material.inkAbove }
        return attack
    }

    /// The published batch of 256, or as much as leaves a small budget eight iterations.
    private static func dataFree(_ kind: DataFree, _ material: AttackMaterial, _ budget: Int) -> DataFree {
        var attack = kind
        attack.training.kind = material.training.kind
        let each = attack.queriesPerIteration / attack.batch
        attack.batch = max(4, min(256, budget / (8 * each)))
        return attack
    }
}
