import SAME
import Tensor

/// KnockoffNets with a bandit over the pool's classes.
package struct AdaptiveKnockoff: Attack {
    /// What it asks about.
    package let pool: PicturePool
    /// How its substitute is trained.
    package let training: SubstituteTraining
    /// Queries between two trainings of the substitute that the rewards look at.
    package var updateEvery = 128

    /// An attack that learns which of the pool's classes are worth asking about.
    package init(pool: PicturePool, training: SubstituteTraining = SubstituteTraining()) {
        self.pool = pool
        self.training = training
    }

    /// The name in reports.
    package var name: String { "knockoff-adaptive" }
    /// What shapes its queries, for reports.
    package var options: [String: String] {
        let own = [
            "pictures": "\(pool.count)", "update every": "\(updateEvery)",
            "policy": "of classes with pictures left",
        ]
        return training.options.merging(own) { $1 }
    }

    /// Asks until the budget is spent, and returns the substitute.
    package func steal(
        through session: AttackSession, generator: inout RandomGenerator
    ) throws -> Classifier {
        try pool.require(session, attack: name)
        guard let labels = pool.labels else {
            throw AttackError.unfit(attack: name, reason: "its pictures have no classes to choose among")
        }
        var waiting = [[Int]](repeating: [], count: labels.classes)
        for index in generator.permutation(pool.count) { waiting[labels.values[index]].append(index) }
        var bandit = ClassBandit(classes: labels.classes)
        var reward = KnockoffReward()
        let model = try training.makeSubstitute(session, generator: &generator)
        var answered = 0
        while session.remaining > 0 {
            guard let choice = bandit.choose(open: { !waiting[$0].isEmpty }, generator: &generator),
                let index = waiting[choice.action].popLast()
            else { break }
            let picture = pool.pictures(at: [index])
            guard let answer = try session.ask(picture).first?.answer else { continue }
            let opinion = model.probabilities(picture, workspace: session.workspace).values
            bandit.learn(
                action: choice.action, policy: choice.policy,
                reward: reward.reward(answer: answer, substitute: opinion))
            answered += 1
            if answered.isMultiple(of: max(1, updateEvery)), session.remaining > 0 {
                var brief = training
                brief.epochs = 1
                try brief.train(model, from: session, attack: name, generator: &generator)
            }
        }
        return try training.substitute(from: session, attack: name, generator: &generator)
    }
}
