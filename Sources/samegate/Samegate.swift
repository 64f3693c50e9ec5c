import ArgumentParser

@main
struct Samegate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "samegate", abstract: "A gateway that protects a model against extraction.",
        subcommands: [FitCommand.self, TrainVictimCommand.self, TrainAnswerCommand.self])
}
