import Foundation
import Learning
import SAME
import Tensor

@testable import RedTeam

/// A victim in a few lines: a softmax over fixed random directions, with refusals by a rule.
final class LinearOracle: VictimOracle {
    let image: ImageShape
    let classes: Int
    private(set) var queryCount = 0
    private let directions: [[Float]]
    private let refuse: (Int) -> OracleRefusal?

    init(
        image: ImageShape = Synthetic.shape, classes: Int = Synthetic.classes, seed: UInt64 = 1,
        refuse: @escaping (Int) -> OracleRefusal? = { _ in nil }
    ) {
        var generator = RandomGenerator(seed: seed)
        self.image = image
        self.classes = classes
        self.refuse = refuse
        directions = (0..<classes).map { _ in
            (0..<image.count).map { _ in Float(generator.normal()) / Float(image.count).squareRoot() }
        }
    }

    func logits(_ picture: ArraySlice<Float>) -> [Float] {
        directions.map { zip($0, picture).reduce(0) { $0 + 3 * $1.0 * $1.1 } }
    }

    func ask(_ queries: Tensor) throws(OracleError) -> [OracleReply] {
        (0..<queries.rows).map { row in
            defer { queryCount += 1 }
            if let reason = refuse(queryCount) { return .refused(reason) }
            let weights = logits(queries.row(row)).map { exp($0) }
            let sum = weights.reduce(0, +)
            return .answered(weights.map { $0 / sum })
        }
    }
}

/// Small pictures and quick trainings.
enum Synthetic {
    static let shape = ImageShape(channels: 1, height: 16, width: 14)
    static let classes = 4

    static func pool(_ count: Int, labelled: Bool = false, seed: UInt64 = 5) -> PicturePool {
        var generator = RandomGenerator(seed: seed)
        let bytes = (0..<count * shape.count).map { _ in UInt8(generator.integer(below: 256)) }
        let labels = (0..<count).map { $0 % 3 }
        return PicturePool(
            images: ImageSet(shape: shape, bytes: bytes),
            labels: labelled ? Labels(values: labels, classes: 3) : nil)
    }

    static var training: SubstituteTraining {
        var training = SubstituteTraining()
        training.kind = .mlp(hidden: 16)
        training.epochs = 2
        return training
    }

    static func session(
        _ oracle: any VictimOracle = LinearOracle(), budget: Int, stop: StopFlag = StopFlag(),
        earlier: AttackRecord? = nil, checkpoint: AttackSession.Checkpoint? = nil
    ) -> AttackSession {
        AttackSession(
            oracle: oracle, budget: budget, workspace: Workspace(threads: 1), stop: stop, earlier: earlier,
            checkpoint: checkpoint)
    }

    /// One of every kind, small.
    static func attacks() -> [any Attack] {
        let pool = pool(60, labelled: true)
        var jbda = JacobianAugmentation(seeds: self.pool(8))
        jbda.training = training
        var ink = jbda
        ink.inkAbove = 0
        var reencoded = jbda
        reencoded.jpegQuality = 80
        reencoded.title = "jbda-jpeg"
        var adaptive = AdaptiveKnockoff(pool: pool, training: training)
        adaptive.updateEvery = 16
        var ripper = Ripper(pool: pool)
        ripper.training = training
        ripper.population = 10
        ripper.elite = 3
        ripper.codes = 6
        var leak = CloudLeak(seeds: self.pool(8))
        leak.training = training
        leak.rounds = 2
        leak.steps = 3
        return [
            NoiseAttack(.uniform, training: training), NoiseAttack(.normal, training: training),
            Knockoff(pool: pool, training: training),
            Knockoff.inDistribution(pool, share: 0.5, seed: 1, training: training), adaptive, jbda, ink,
            reencoded,
            ActiveThief(pool: pool, selection: .entropy, training: training),
            ActiveThief(pool: pool, selection: .kCentre, training: training), small(.dfme), small(.maze),
            ripper,
            leak,
        ]
    }

    static func small(_ attack: DataFree) -> DataFree {
        var attack = attack
        attack.batch = 4
        attack.noise = 6
        attack.generatorWidth = 4
        attack.replaySteps = min(attack.replaySteps, 2)
        attack.difference.directions = min(attack.difference.directions, 2)
        attack.training = training
        return attack
    }
}
