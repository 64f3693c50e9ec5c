import Learning
import SAME
import Tensor
import TestSupport
import Testing

@testable import RedTeam

/// The models that thieves train.
@Suite("Substitutes")
struct SubstituteTests {
    static let kinds: [FitOptions.AuxiliaryKind] = [
        .conv3(width: 2), .mlp(hidden: 8),
        .resnet(sizes: ResNetSizes(blocks: [1, 1], width: 4, stem: .cifar)),
        .vit(sizes: VisionTransformerSizes(patch: 2, embedding: 8, depth: 1, heads: 2, pool: .mean)),
    ]

    private static func training(_ kind: FitOptions.AuxiliaryKind) -> SubstituteTraining {
        var training = Synthetic.training
        training.kind = kind
        return training
    }

    @Test(
        "a victim's own kind of network is trained, and named in a trace that is read back", arguments: kinds)
    func trained(kind: FitOptions.AuxiliaryKind) throws {
        let folder = try ScratchFolder()
        let victim = kind.architecture(image: Synthetic.shape, classes: Synthetic.classes)
        #expect(FitOptions.AuxiliaryKind(victim) == kind)
        let training = Self.training(kind)
        var leak = CloudLeak(seeds: Synthetic.pool(8))
        (leak.training, leak.rounds, leak.steps) = (training, 2, 2)
        var dfme = Synthetic.small(.dfme)
        dfme.training = training
        let attacks: [any Attack] = [Knockoff(pool: Synthetic.pool(20), training: training), leak, dfme]
        for attack in attacks {
            let trace = try attack.run(through: Synthetic.session(budget: 20), seed: 1)
            #expect(trace.summary.architecture == victim)
            #expect(trace.summary.options.values.contains("\(kind)"))
            #expect(
                trace.substitute?.stateDict.values.allSatisfy { $0.values.allSatisfy(\.isFinite) } == true)
            try trace.write(to: folder.file(attack.name))
            let read = try AttackTrace(contentsOf: folder.file(attack.name))
            #expect(
                read.summary == trace.summary && read.substitute?.stateDict == trace.substitute?.stateDict)
        }
    }

    @Test("what thieves train is among the options of every attack, and so in the names of its figures")
    func options() {
        let pool = Synthetic.pool(20, labelled: true)
        for name in AttackCatalogue.names {
            let digests = Self.kinds.map { kind -> String? in
                var material = AttackMaterial(proxy: pool, own: pool)
                material.training = Self.training(kind)
                let attack = AttackCatalogue.attack(named: name, material: material, budget: 100, seed: 1)
                return attack.map { CellStore.digest($0.options) }
            }
            #expect(Set(digests.compactMap(\.self)).count == Self.kinds.count, "\(name)")
        }
    }

    @Test("a kind says every size it has")
    func told() {
        #expect("\(Self.kinds[0])" == "conv3(width: 2)" && "\(Self.kinds[1])" == "mlp(hidden: 8)")
        #expect("\(Self.kinds[2])" == "resnet(blocks: [1, 1], width: 4, stem: cifar)")
        #expect("\(Self.kinds[3])" == "vit(patch: 2, embedding: 8, depth: 1, heads: 2, pool: mean)")
    }
}
