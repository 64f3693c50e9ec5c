import SAME
import Tensor

/// Black-box Ripper: evolves latent codes of a generator of near pictures until the victim is sure of a
/// chosen class, and learns from what it was sure of.
///
/// The published attack has a generative network trained on the proxy data; here the principal components of
/// the proxy pictures stand in its place, which needs no training and draws blurred ones of the same kind.
/// **Source** Barbalau et al. 2020.
package struct Ripper: Attack {
    /// What it asks about.
    package let pool: PicturePool
    package var training = SubstituteTraining()
    package var population = 30
    package var elite = 10
    /// σ of the change of a child's code. **Units** standard deviations of the proxy pictures.
    package var mutation = 0.5
    /// The victim's probability of the wanted class where evolution stops.
    package var confidence: Float = 0.9
    package var generationsMax = 10
    /// Principal components: the length of a code.
    package var codes = 32
    /// Codes stay within ± this. **Units** standard deviations.
    package var codeMax = 3.0

    /// An attack that draws pictures like the pool's.
    package init(pool: PicturePool) { self.pool = pool }

    /// The name in reports.
    package var name: String { "ripper" }
    /// What shapes its queries, for reports.
    package var options: [String: String] {
        let own = [
            "population": "\(population)", "elite": "\(elite)", "mutation": "\(mutation)",
            "confidence": "\(confidence)", "generations": "\(generationsMax)", "codes": "\(codes)",
            "pictures": "\(pool.count)", "generator": "principal components",
        ]
        return training.options.merging(own) { $1 }
    }

    private static let sampleMax = 2000

    /// Asks until the budget is spent, and returns the substitute.
    package func steal(
        through session: AttackSession, generator: inout RandomGenerator
    ) throws -> Classifier {
        try pool.require(session, atLeast: 2, attack: name)
        let sample = generator.permutation(pool.count).prefix(Self.sampleMax)
        let components = PrincipalComponents(
            of: pool.pictures(at: sample), count: codes, generator: &generator)
        var wanted = 0
        while session.remaining > 0 {
            try evolve(toward: wanted % session.classes, components, session, &generator)
            wanted += 1
        }
        return try training.substitute(from: session, attack: name, generator: &generator)
    }

    /// One evolution: until the victim is sure, the generations or the budget are spent.
    private func evolve(
        toward wanted: Int, _ components: PrincipalComponents, _ session: AttackSession,
        _ generator: inout RandomGenerator
    ) throws {
        var codes = (0..<population).map { _ in
            (0..<components.components.count).map { _ in
                (2 * generator.uniform() - 1) * codeMax
            }
        }
        for _ in 0..<generationsMax where session.remaining > 0 {
            let pictures = Tensor(
                shape: [codes.count, session.image.count], values: codes.flatMap(components.picture))
            let replies = try session.ask(pictures)
            let fitness = replies.map { $0.answer?[wanted] ?? -1 }
            guard let best = fitness.max(), best < confidence else { return }
            codes = nextGeneration(codes, fitness: fitness, &generator)
        }
    }

    /// The elite, and mutated children of random ones of them.
    func nextGeneration(
        _ codes: [[Double]], fitness: [Float], _ generator: inout RandomGenerator
    ) -> [[Double]] {
        let order = fitness.indices.sorted { (fitness[$0], $1) > (fitness[$1], $0) }
        let parents = order.prefix(max(1, elite)).map { codes[$0] }
        guard !parents.isEmpty else { return codes }
        let children = (0..<max(0, population - parents.count)).map { _ in
            parents[generator.integer(below: parents.count)].map {
                min(codeMax, max(-codeMax, $0 + mutation * generator.normal()))
            }
        }
        return parents + children
    }
}
