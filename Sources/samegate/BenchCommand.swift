import ArgumentParser
import Engine
import Foundation
import Neural
import SAME
import Tensor

/// `samegate bench`: how fast this machine does what the gateway asks of it.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure how fast this machine scores and trains.",
        subcommands: [BenchScoreCommand.self, BenchTrainCommand.self])
}

/// `samegate bench score`: time per query of the scoring engine, beside the processor's measured peak.
struct BenchScoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Measure the scoring engine in alternating rounds, beside the processor's peak.")

    @Option(help: ArgumentHelp("The bundle to score with.", valueName: "directory"))
    var bundle: String?
    @Option(
        help: ArgumentHelp(
            "A victim model's own inference instead: a directory of `samegate train-victim`.",
            valueName: "directory"))
    var model: String?
    @Option(help: "Untrained networks in place of a bundle: \(BenchArchitecture.allNames).")
    var architecture: BenchArchitecture?
    @Option(help: ArgumentHelp("Queries that come together, as a list.", valueName: "sizes"))
    var batch = "1,8,32"
    @Option(help: ArgumentHelp("Threads that score at once, as a list.", valueName: "counts"))
    var threads = "1"
    @Option(help: ArgumentHelp("Precisions, as a list of f32, bf16 and int8.", valueName: "names"))
    var precision: String?
    @Option(help: "How often each measurement is repeated, by turns with the others.")
    var rounds = 7
    @Option(help: ArgumentHelp("How long one measurement takes.", valueName: "ms"))
    var milliseconds = 100
    @Flag(
        help: "Count the threads' processor time in place of the clock's, where others use the machine too.")
    var processorTime = false
    @Flag(help: "Leave the auxiliary model out of the architecture: the smallest one takes its place.")
    var autoencoderOnly = false
    @Flag(help: "Print one JSON object a line in place of the table.")
    var json = false
    @Option(
        help: ArgumentHelp(
            "Measure nothing, but write the weights, \(ScoringNetworks.exportCount) images and each precision's reconstructions of them here.",
            valueName: "directory"))
    var export: String?

    func validate() throws {
        guard (1...100_000).contains(rounds), (1...3_600_000).contains(milliseconds) else {
            throw ValidationError("--rounds must be from 1 to 100000, --milliseconds from 1 to 3600000")
        }
        if architecture == nil {
            try IdleOptions.refuse([("--autoencoder-only", autoencoderOnly)], "only with --architecture")
        }
    }

    func run() throws {
        do {
            let networks = try networks()
            if let export { return try networks.export(to: export, try precisions()) }
            let bench = try ScoreBench(
                networks: networks, batches: numbers(batch, "batch", 1...4096),
                threads: numbers(threads, "threads", 1...1024), precisions: precisions(),
                milliseconds: milliseconds, processorTime: processorTime)
            bench.run(rounds: rounds, json: json).forEach { print($0) }
        } catch let error where !(error is ValidationError) {
            throw ValidationError("\(error)")
        }
    }

    private func networks() throws -> ScoringNetworks {
        switch (bundle, model, architecture) {
        case (let path?, nil, nil):
            return try ModelBundle(contentsOf: path).networks
        case (nil, let path?, nil):
            return try ScoringNetworks(alone: ClassifierDirectory(contentsOf: path).classifier)
        case (nil, nil, let architecture?):
            return try architecture.networks(autoencoderOnly: autoencoderOnly)
        default: throw ValidationError("give one of --bundle, --model and --architecture")
        }
    }

    private func precisions() throws -> [Plan.Precision] {
        guard let precision else { return Plan.Precision.allCases.filter(\.isSupported) }
        return try precision.split(separator: ",").map {
            guard let value = Plan.Precision(rawValue: String($0)) else {
                throw ValidationError("“\($0)” is no precision; f32, bf16 and int8 are")
            }
            return value
        }
    }

    private func numbers(_ list: String, _ name: String, _ allowed: ClosedRange<Int>) throws -> [Int] {
        let values = list.split(separator: ",").map { Int($0) }
        guard !values.isEmpty, values.allSatisfy({ $0.map(allowed.contains) ?? false }) else {
            throw ValidationError(
                "--\(name) “\(list)” must be numbers from \(allowed.lowerBound) to \(allowed.upperBound), with commas"
            )
        }
        return values.compactMap(\.self)
    }
}

/// Measurements of every combination by turns, so that what else the machine does meets all alike.
struct ScoreBench {
    private struct Cell {
        let plan: Plan
        let batch: Int
        let threads: Int
        /// Seconds a query.
        var times: [Double] = []
    }

    let networks: ScoringNetworks
    let milliseconds: Int
    let processorTime: Bool
    private let precisions: [Plan.Precision]
    private var cells: [Cell] = []

    init(
        networks: ScoringNetworks, batches: [Int], threads: [Int], precisions: [Plan.Precision],
        milliseconds: Int,
        processorTime: Bool
    ) throws(PlanError) {
        self.networks = networks
        self.milliseconds = milliseconds
        self.processorTime = processorTime
        self.precisions = precisions
        for precision in precisions {
            let plan = try Plan(networks, precision: precision)
            for threads in threads {
                cells += batches.map { Cell(plan: plan, batch: $0, threads: threads) }
            }
        }
    }

    /// The table's lines.
    func run(rounds: Int, json: Bool) -> [String] {
        var cells = cells
        var peaks: [Plan.Precision: [Double]] = [:]
        for _ in 0..<rounds {
            for precision in precisions { peaks[precision, default: []].append(precision.measurePeak() ?? 0) }
            for index in cells.indices { cells[index].times.append(measure(cells[index])) }
        }
        if json { return cells.map { object($0) } }
        return [Self.header] + cells.map { line($0, peak: median(peaks[$0.plan.precision] ?? [])) }
    }

    private static let header =
        "precision  instructions  threads  batch   ms/query   low … high       queries/s     G/s   % of peak"

    private func line(_ cell: Cell, peak: Double) -> String {
        let sorted = cell.times.sorted()
        let seconds = median(sorted)
        // Each thread answers a query in `threads` times as long as all of them together need for one.
        let speed = Double(networks.flops) / seconds / Double(cell.threads)
        return String(
            format: "%@ %@ %7d %6d %10.4f   %.4f … %.4f %10.0f %8.1f %8.1f",
            pad(cell.plan.precision.rawValue, 10),
            pad(cell.plan.precision.instructions ?? "", 13), cell.threads, cell.batch, 1e3 * seconds,
            1e3 * (sorted.first ?? 0), 1e3 * (sorted.last ?? 0), 1 / seconds, 1e-9 * speed, 100 * speed / peak
        )
    }

    private func object(_ cell: Cell) -> String {
        String(
            format: #"{"precision":"%@","threads":%d,"batch":%d,"ms":%.6f,"operations":%d}"#,
            cell.plan.precision.rawValue, cell.threads, cell.batch, 1e3 * median(cell.times), networks.flops)
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text.padding(toLength: width, withPad: " ", startingAt: 0)
    }

    private func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : (sorted[sorted.count / 2] + sorted[(sorted.count - 1) / 2]) / 2
    }

    /// Seconds a query, all threads together.
    private func measure(_ cell: Cell) -> Double {
        let repeats = max(1, Int(Double(milliseconds) * 1e-3 / max(1e-7, time(cell, repeats: 1))))
        return time(cell, repeats: repeats) / Double(repeats * cell.batch * cell.threads)
    }

    /// The seconds that every thread's examining a batch of its own so many times takes: by the clock, or as the mean
    /// over the threads of the processor time they used.
    private func time(_ cell: Cell, repeats: Int) -> Double {
        let workers = (0..<cell.threads).map { BenchWorker(cell.plan, batch: cell.batch, seed: UInt64($0)) }
        let elapsed = ContinuousClock().measure {
            DispatchQueue.concurrentPerform(iterations: cell.threads) { @Sendable thread in
                workers[thread].run(repeats)
            }
        }
        guard processorTime else { return elapsed / .seconds(1) }
        return workers.reduce(0) { $0 + $1.seconds } / Double(cell.threads)
    }
}

/// One thread's queries, arena and results.
///
/// `@unchecked Sendable` because: only the thread of its index uses it while a measurement runs.
private final class BenchWorker: @unchecked Sendable {
    private let plan: Plan
    private let batch: Int
    private let arena: PlanArena
    private let rows: [Float]
    private let seeds: [UInt64]
    private let results: PlanResults
    /// The processor time that the last run used.
    private(set) var seconds = 0.0

    init(_ plan: Plan, batch: Int, seed: UInt64) {
        var generator = RandomGenerator(seed: seed)
        self.plan = plan
        self.batch = batch
        arena = plan.makeArena()
        rows = (0..<batch * plan.image.count).map { _ in generator.uniform(-1..<1) }
        results = PlanResults(plan, rows: batch)
        seeds = (0..<batch).map(UInt64.init)
        run(1)
    }

    func run(_ repeats: Int) {
        let start = Self.processorTime
        for _ in 0..<repeats {
            plan.examine(
                rows: rows, count: batch, seeds: seeds, arena: arena, into: results)
        }
        seconds = Self.processorTime - start
    }

    /// The processor time this thread has used. Units: seconds.
    private static var processorTime: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
    }
}
