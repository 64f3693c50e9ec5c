import ArgumentParser

/// The one program of the package; each of its commands is a file of its own.
@main
struct Samegate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "samegate", abstract: "A gateway that protects a model against extraction.",
        subcommands: [
            Serve.self, Check.self, DecisionsCommand.self, FitCommand.self, TrainVictimCommand.self,
            TrainAnswerCommand.self, TrainMeasureCommand.self, VictimCommand.self, Solve.self,
            KeyCommand.self, BundleCommand.self, DemoCommand.self, EvaluateCommand.self, BenchCommand.self,
        ])
}
