import Foundation
import Learning
import SAME
import Tensor
import Testing

@testable import RedTeam

@Suite("The defining rule of an attack")
struct AttackRuleTests {
    @Test("JBDA doubles: 8 seeds give 8, then 16, then 32 new queries; uncounted seeds cost nothing")
    func jbdaDoubles() throws {
        var attack = JacobianAugmentation(seeds: Synthetic.pool(8))
        attack.training = Synthetic.training
        attack.rounds = 3
        var steps: [Int] = []
        let session = AttackSession(
            oracle: LinearOracle(), budget: 1000, workspace: Workspace()
        ) { asked, _ in steps.append(asked) }
        let trace = try attack.run(through: session, seed: 1)
        #expect(steps == [0, 8, 24, 56])
        #expect(trace.record.origins.prefix(8).allSatisfy { $0 == .seed })
        #expect(trace.record.origins.dropFirst(8).allSatisfy { $0 == .attack })
        attack.countsSeeds = true
        let counted = try attack.run(through: Synthetic.session(budget: 20), seed: 1)
        #expect(counted.summary.asked == 20 && counted.record.count == 20)
        #expect(trace.record.queries(at: 0..<8) == Synthetic.pool(8).pictures(at: 0..<8))
    }

    /// The oracle is the definition itself: the sign of the numerical slope of log F_ŷ.
    @Test("JBDA steps by λ along the sign of the slope of the victim's class, within the range")
    func jbdaStep() throws {
        var generator = RandomGenerator(seed: 2)
        let model = try Classifier(
            .mlp(image: Synthetic.shape, classes: 4, hidden: 16), generator: &generator)
        let pictures = Synthetic.pool(3).pictures(at: 0..<3)
        let labels = [2, 0, 3]
        let moved = JacobianAugmentation.step(
            pictures, labels: labels, by: model, step: 0.1, workspace: Workspace())
        var agreeing = 0, tried = 0
        for row in 0..<3 {
            for pixel in stride(from: 0, to: Synthetic.shape.count, by: 7) {
                func value(_ change: Float) -> Double {
                    var picture = Array(pictures.row(row))
                    picture[pixel] += change
                    let tensor = Tensor(shape: [1, picture.count], values: picture)
                    return log(
                        Double(model.probabilities(tensor, workspace: Workspace()).values[labels[row]]))
                }
                let slope = value(0.05) - value(-0.05)
                guard abs(slope) > 1e-4 else { continue }
                tried += 1
                let at = row * Synthetic.shape.count + pixel
                let wanted = min(1, max(-1, pictures.values[at] + (slope > 0 ? 0.1 : -0.1)))
                if abs(moved.values[at] - wanted) < 1e-6 { agreeing += 1 }
            }
        }
        #expect(tried > 50 && Double(agreeing) > 0.97 * Double(tried))
    }

    @Test("confined to ink, JBDA moves no pixel at or below the brightness and most above it")
    func ink() throws {
        var generator = RandomGenerator(seed: 2)
        let model = try Classifier(
            .mlp(image: Synthetic.shape, classes: 4, hidden: 16), generator: &generator)
        let pictures = Synthetic.pool(3).pictures(at: 0..<3)
        let moved = JacobianAugmentation.step(
            pictures, labels: [0, 1, 2], by: model, step: 0.1, inkAbove: 0.2, workspace: Workspace())
        let pairs = zip(pictures.values, moved.values)
        #expect(pairs.allSatisfy { $0 > 0.2 || $0 == $1 })
        #expect(pairs.count { $0 > 0.2 && $0 < 0.9 && $0 != $1 } > 100)
    }

    /// Worked by hand: two classes, π = ½. Reward 1 for class 0: r̄ = 1, no change. Reward 0 for class 1: r̄
    /// = ½, H₁ += (0 − ½)·½, H₀ −= (0 − ½)·½. Reward 1 for class 0 again: r̄ = ⅔, rate ½, π₀ = σ(½).
    @Test("the bandit's preferences follow the published update, worked by hand")
    func bandit() {
        var bandit = ClassBandit(classes: 2)
        bandit.learn(action: 0, policy: bandit.policy(), reward: 1)
        #expect(bandit.preferences == [0, 0])
        bandit.learn(action: 1, policy: bandit.policy(), reward: 0)
        #expect(bandit.preferences == [0.25, -0.25])
        let share = 1 / (1 + exp(-0.5))
        #expect(abs(bandit.policy()[0] - share) < 1e-12)
        bandit.learn(action: 0, policy: bandit.policy(), reward: 1)
        let change = 0.5 * (1.0 / 3) * (1 - share)
        #expect(abs(bandit.preferences[0] - (0.25 + change)) < 1e-12)
        #expect(abs(bandit.preferences[1] + 0.25 + change) < 1e-12)
        #expect(bandit.policy(open: { $0 == 1 }) == [0, 1])
        var generator = RandomGenerator(seed: 1)
        #expect(bandit.choose(open: { $0 == 1 }, generator: &generator)?.action == 1)
        #expect(bandit.choose(open: { _ in false }, generator: &generator) == nil)
    }

    /// Three classes, of which the last is used up: π = (½, ½, 0). Reward 1 for class 0: no change. Reward 0 for class 1: r̄ =
    /// ½, H₁ += (0 − ½)·½, H₀ −= (0 − ½)·½; class 2 had no part in the draw. With π over all it would be ⅓ and gain ⅙.
    @Test("the bandit learns by the distribution that it drew from, where classes are used up")
    func banditOfOpenClasses() throws {
        var bandit = ClassBandit(classes: 3)
        var generator = RandomGenerator(seed: 1)
        let chosen = try #require(bandit.choose(open: { $0 < 2 }, generator: &generator))
        #expect(chosen.policy == [0.5, 0.5, 0] && chosen.action < 2)
        bandit.learn(action: 0, policy: chosen.policy, reward: 1)
        bandit.learn(action: 1, policy: chosen.policy, reward: 0)
        #expect(bandit.preferences == [0.25, -0.25, 0])
    }

    /// A generator step asks about points and then about the same points moved by ε; student steps ask about new pictures.
    /// Of MAZE with two directions a step costs three batches: 12 queries, and a whole iteration 32.
    @Test(
        "no budget is spent on a generator step that no student step follows",
        arguments: [(11, 0), (12, 0), (15, 0), (16, 1), (32, 1), (44, 1), (47, 1), (48, 2), (64, 2)])
    func lastGeneratorStep(budget: Int, steps: Int) throws {
        let attack = Synthetic.small(.maze)
        #expect(attack.queriesPerIteration == 32)
        let record = try attack.run(through: Synthetic.session(budget: budget), seed: 3).record
        #expect(record.count == budget)
        let whole = stride(from: 0, through: record.count - 8, by: 4)
        let moved = whole.count { first in
            let (points, next) = (
                record.queries(at: first..<first + 4), record.queries(at: first + 4..<first + 8)
            )
            return zip(points.values, next.values).allSatisfy { abs($0 - $1) < 0.005 }
        }
        #expect(moved == 2 * steps)
    }

    /// First answer: certainty 0.5, no mean to differ from, cross entropy ln 2 → 1 − ½.
    /// Second: certainty 0.8, ȳ = (.75, .25): diversity .9 − .25; substitute sure and right about it: −ln 1 =
    /// 0 of class 1.
    @Test("the rewards are certainty, diversity and loss, worked by hand")
    func rewards() {
        var reward = KnockoffReward()
        #expect(abs(reward.reward(answer: [0.75, 0.25], substitute: [0.5, 0.5]) - (0.5 + 0.5)) < 1e-6)
        let loss = -(0.1 * log(1e-12)) - 0.9 * log(1)
        let expected = 0.8 + 0.65 + (1 - exp(-loss))
        #expect(abs(reward.reward(answer: [0.1, 0.9], substitute: [0, 1]) - expected) < 1e-5)
    }

    @Test("k-centre picks the farthest point first, then the farthest from both")
    func kCentre() {
        let points = Tensor(shape: [5, 1], values: [0.1, 5, 9, 4.4, 9.1])
        let centre = Tensor(shape: [1, 1], values: [0])
        #expect(KCentre.choose(2, from: points, centres: centre) == [4, 3])
        #expect(KCentre.choose(9, from: points, centres: centre).sorted() == [0, 1, 2, 3, 4])
        #expect(KCentre.choose(1, from: points, centres: Tensor(shape: [0, 1])) == [0])
        #expect(KCentre.choose(0, from: points, centres: centre).isEmpty)
    }

    @Test("entropy picks the flattest answers, the flattest first")
    func entropy() {
        let answers = Tensor(shape: [3, 2], values: [1, 0, 0.5, 0.5, 0.8, 0.2])
        #expect(ActiveThief.leastCertain(2, answers) == [1, 2])
    }

    /// f(x) = Σ w·x + ¼ Σ x²: the gradient is w + x/2.
    @Test("forward differences over many directions approach the true gradient", arguments: [8, 64, 512])
    func forwardDifference(directions: Int) {
        let size = 12
        let weights = (0..<size).map { Double($0) / 6 - 1 }
        let points = Tensor(shape: [2, size], values: (0..<2 * size).map { Float($0 % 5) / 5 })
        var generator = RandomGenerator(seed: 4)
        let found = ForwardDifference(directions: directions, step: 1e-3)
            .gradient(at: points, generator: &generator) { points in
                (0..<points.rows).map { row in
                    points.row(row).enumerated().reduce(0.0) { sum, entry in
                        sum + weights[entry.offset] * Double(entry.element)
                            + Double(entry.element) * Double(entry.element) / 4
                    }
                }
            }
        let truth = (0..<2 * size).map { weights[$0 % size] + Double(points.values[$0]) / 2 }
        let error = zip(found.values, truth).reduce(0) { $0 + pow(Double($1.0) - $1.1, 2) }
        let norm = truth.reduce(0) { $0 + $1 * $1 }
        // The estimator's relative squared error is (D + 1)/m for m random directions; twice that allows for
        // chance.
        #expect(error / norm < 2 * Double(size + 1) / Double(directions))
    }

    @Test("a refused point contributes no gradient")
    func refusedPoint() {
        var generator = RandomGenerator(seed: 4)
        let found = ForwardDifference(directions: 3, step: 1e-3).gradient(
            at: Tensor(shape: [2, 4]), generator: &generator
        ) { points in [nil, Double(points.values[4])] }
        #expect(found.row(0).allSatisfy { $0 == 0 } && found.row(1).contains { $0 != 0 })
    }

    @Test("a disagreement's slopes are its finite differences", arguments: Disagreement.allCases)
    func disagreement(loss: Disagreement) {
        let logits: [Float] = [0.3, -1.2, 0.9, 0.05]
        let answer: [Float] = [0.1, 0.2, 0.65, 0.05]
        let slopes = loss.evaluate(logits[...], answer: answer).slopes
        for index in logits.indices {
            var (up, down) = (logits, logits)
            up[index] += 1e-2
            down[index] -= 1e-2
            let numeric =
                (loss.evaluate(up[...], answer: answer).value - loss.evaluate(down[...], answer: answer).value)
                / (Double(up[index]) - Double(down[index]))
            #expect(abs(numeric - slopes[index]) < 1e-4)
        }
        #expect(loss.evaluate(logits[...], answer: [0, 0, 1, 0]).value.isFinite)
    }

    @Test("the victim's own logits, less their mean, leave nothing to disagree about")
    func agreement() {
        let logits: [Float] = [0.5, -0.5, 1, -1]
        let sum = logits.reduce(0) { $0 + exp($1) }
        let answer = logits.map { exp($0) / sum }
        for loss in Disagreement.allCases {
            #expect(abs(loss.evaluate(logits[...], answer: answer).value) < 1e-6)
        }
    }

    @Test("evolution keeps the fittest codes and mutates children of the elite within the bounds")
    func evolution() {
        var ripper = Ripper(pool: Synthetic.pool(4))
        ripper.population = 6
        ripper.elite = 2
        var generator = RandomGenerator(seed: 1)
        let codes = (0..<6).map { [Double($0) / 2, 2.9] }
        let next = ripper.nextGeneration(codes, fitness: [0.1, 0.9, 0.2, 0.8, 0, 0.3], &generator)
        #expect(next.count == 6 && next[0] == codes[1] && next[1] == codes[3])
        #expect(next.allSatisfy { $0.allSatisfy { abs($0) <= 3 } })
    }

    @Test("CloudLeak stays in its box and brings the features closer to the target's")
    func cloudLeak() throws {
        var generator = RandomGenerator(seed: 2)
        let model = try Classifier(
            .mlp(image: Synthetic.shape, classes: 4, hidden: 16), generator: &generator)
        var attack = CloudLeak(seeds: Synthetic.pool(4))
        attack.weight = 50
        let start = Synthetic.pool(3).pictures(at: 0..<3)
        let targets = Synthetic.pool(3, seed: 77).pictures(at: 0..<3)
        let moved = attack.perturbed(start, toward: targets, model, Workspace())
        #expect(zip(start.values, moved.values).allSatisfy { abs($0 - $1) <= attack.epsilon + 1e-6 })
        func distance(_ pictures: Tensor) -> Float {
            zip(
                model.logits(pictures, workspace: Workspace()).values,
                model.logits(targets, workspace: Workspace()).values
            )
            .reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        #expect(distance(moved) < distance(start))
    }

    @Test("the generator's gradient is the finite difference of what it makes")
    func generatorGradient() {
        var generator = RandomGenerator(seed: 3)
        let maker = PictureGenerator(
            image: ImageShape(channels: 2, height: 7, width: 9), noise: 5, width: 4, generator: &generator)
        let noise = Tensor(shape: [4, 5], values: (0..<20).map { _ in Float(generator.normal()) })
        let made = maker.make(noise, workspace: Workspace())
        #expect(made.shape == [4, 126])
        let weights = (0..<made.count).map { _ in Float(generator.normal()) }
        maker.zeroGradients()
        maker.learn(noise, workspace: Workspace()) { Tensor(shape: $0.shape, values: weights) }
        func value() -> Double {
            zip(maker.make(noise, workspace: Workspace()).values, weights).reduce(0) {
                $0 + Double($1.0) * Double($1.1)
            }
        }
        for parameter in maker.parameters where parameter.isTrainable {
            let index = parameter.count / 2
            let (before, slope) = (parameter.values[index], Double(parameter.gradient[index]))
            parameter.values[index] = before + 1e-3
            let up = value()
            parameter.values[index] = before - 1e-3
            let down = value()
            parameter.values[index] = before
            let numeric = (up - down) / 2e-3
            #expect(abs(numeric - slope) < 0.05 * max(1, abs(numeric)), "\(parameter.name)")
        }
    }
}
