import ArgumentParser
import Learning
import RedTeam
import SAME

/// The models that an evaluation's thieves train.
struct EvaluateSubstituteOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The substitutes: \(NetworkKind.list) (default: the victim's own network in the paper's suites, else conv3).",
            valueName: "kind"))
    var substitute: NetworkKind?
    @Option(
        help:
            "Channels of their first layer (conv3 16, resnet18 and 34 64, resnet 16), or hidden units (mlp 256)."
    )
    var substituteWidth: Int?
    @Option(help: "Their passes through the answers.")
    var substituteEpochs = 10

    func validate() throws {
        guard (1...1000).contains(substituteEpochs), (1...256).contains(substituteWidth ?? 16) else {
            throw ValidationError(
                "--substitute-epochs must be from 1 to 1000, --substitute-width from 1 to 256")
        }
        if substitute != nil { _ = try training(.quick, victim: nil) }
    }

    /// How substitutes are trained. Of what kind is as asked for; else as `suite` has it, whose victim may be known.
    ///
    /// **Throws** `ValidationError` for a width that the kind does not have.
    func training(_ suite: EvaluateSuite, victim: ClassifierArchitecture?) throws -> SubstituteTraining {
        var choice = try substitute.map { NetworkChoice(kind: $0) } ?? NetworkChoice(usual(suite, victim))
        choice.width = substituteWidth ?? choice.width
        var training = SubstituteTraining()
        training.kind = try choice.kind(width: 16)
        training.epochs = substituteEpochs
        return training
    }

    /// The paper's thieves know the victim's network, the worst case for a defence; ours take one that trains in minutes.
    private func usual(
        _ suite: EvaluateSuite, _ victim: ClassifierArchitecture?
    ) throws -> FitOptions.AuxiliaryKind {
        guard suite.isOfPaper else { return SubstituteTraining().kind }
        return try victim.map { FitOptions.AuxiliaryKind($0) }
            ?? NetworkChoice(kind: suite.victimModel).kind(width: 32)
    }
}
