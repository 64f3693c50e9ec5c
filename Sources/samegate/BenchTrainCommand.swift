import ArgumentParser
import Foundation
import Learning
import SAME
import Tensor

/// `samegate bench train`: time per step of what `fit` trains.
struct BenchTrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Measure steps of training: gradients and the optimiser's update of one batch.",
        discussion: """
            The networks of a preset, with random weights, on random images that are the same in every run: how fast a step \
            is does not depend on what is learnt. The perturbation detector's reconstructions, which are no part of its \
            step, are made as scoring makes them. Scripts/bench-training does the same in PyTorch.
            """)

    @Option(help: "The preset whose networks are trained.")
    var preset: FitPreset = .small
    @Option(help: ArgumentHelp("The shape of the images.", valueName: "HEIGHTxWIDTHxCHANNELS"))
    var image = "28x28x1"
    @Option(help: "Images in a step (default: the preset's).")
    var batch: Int?
    @Option(help: "Threads to compute with (default: as many as processors).")
    var threads: Int?
    @Option(
        help: ArgumentHelp("How long each phase is measured, after one step that is not.", valueName: "ms"))
    var milliseconds = 500
    @Flag(help: "Print one JSON object a line in place of the table: the time, and what was trained.")
    var json = false

    func validate() throws {
        guard (1...65536).contains(batch ?? 1) else {
            throw ValidationError("--batch must be from 1 to 65536")
        }
        guard (1...1024).contains(threads ?? 1) else {
            throw ValidationError("--threads must be from 1 to 1024")
        }
        guard (1...3_600_000).contains(milliseconds) else {
            throw ValidationError("--milliseconds must be from 1 to 3600000")
        }
        _ = try shape
    }

    private var shape: ImageShape {
        get throws {
            let sizes = image.lowercased().split(separator: "x", omittingEmptySubsequences: false).map {
                Int($0)
            }
            guard sizes.count == 3, let height = sizes[0], let width = sizes[1], let channels = sizes[2],
                (1...512).contains(height), (1...512).contains(width), (1...3).contains(channels)
            else { throw ValidationError("--image takes a shape such as 32x32x3") }
            return ImageShape(channels: channels, height: height, width: width)
        }
    }

    func run() throws {
        var options = FitOptions(preset.preset)
        options.adapt(to: try shape)
        let bench = TrainBench(
            options: options, image: try shape, batch: batch ?? options.autoencoder.schedule.batch,
            threads: threads ?? Workspace.processorCount, seconds: Double(milliseconds) / 1e3)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        for phase in try bench.phases() {
            if json {
                print(String(decoding: try encoder.encode(phase), as: UTF8.self))
                continue
            }
            let label = phase.name.rawValue.padding(toLength: 12, withPad: " ", startingAt: 0)
            print(
                label
                    + String(
                        format: "%9.2f ms a step  %8.0f images/s", 1e3 * phase.seconds,
                        Double(phase.batch) / phase.seconds))
        }
    }
}
