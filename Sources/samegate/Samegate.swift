import ArgumentParser
import Engine

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

    /// The environment may hold the program to fewer instructions than the processor has; what it does not understand it
    /// must not ignore.
    func validate() throws {
        if let problem = Plan.instructionsProblem { throw ValidationError(problem) }
    }
}
