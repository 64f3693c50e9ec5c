import ArgumentParser
import Foundation

/// `samegate demo`: a real victim, its gateway, and three kinds of attack queries, through real HTTP on loopback.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Show the gateway protecting a real model on this machine.",
        discussion: """
            Starts a Fashion-MNIST classifier as its own process, the gateway before it, sends benign test pictures and three \
            kinds of attack queries through both, and prints what happened. Then everything keeps running, with curl lines to \
            try, until Ctrl-C; with --once it ends and prints one JSON object as its last line.
            """)

    @Flag(name: .long, help: "End after the report, with one JSON object as the last line.")
    var once = false

    @Option(name: .long, help: "Queries of each kind.")
    var queries = 1000

    @Option(name: .long, help: "The victim: a model of `samegate train-victim`.")
    var model = "Config/demo/victim.model"

    @Option(name: .long, help: "The scorer: a bundle of `samegate fit`.")
    var bundle = "Config/demo/fashion.bundle"

    @Option(name: .long, help: "The configuration whose policy is shown.")
    var config = "Config/samegate.yaml"

    @Option(name: .long, help: "Where the test pictures and labels are (IDX).")
    var data = "/usr/share/datasets/fashion-mnist"

    @Option(name: .long, help: "Where pictures from elsewhere are (PNG, JPEG); may be repeated.")
    var foreign: [String] = ["/usr/share/icons/Tango", "/usr/share/icons/Adwaita"]

    @Option(name: .long, help: "The gateway's port on 127.0.0.1; 0 takes a free one.")
    var port: UInt16 = 0

    @Option(
        name: .long,
        help:
            "An empty directory to put configuration, key, logs and example queries (default: a temporary one)."
    )
    var directory: String?

    func validate() throws {
        guard (20...10_000).contains(queries) else { throw ValidationError("--queries is from 20 to 10000") }
    }

    func run() throws {
        let folder = try directory.map(DemoFolder.made) ?? DemoFolder.temporary()
        let traffic = try DemoTraffic(
            model: model, data: data, foreign: foreign, queries: queries)
        let stage = try DemoStage(
            folder: folder, model: model, bundle: bundle, config: config, gatewayPort: port)
        defer { stage.stop() }
        // Not before the processes are started: they would inherit that these signals are ignored.
        TerminationSignals.watch()
        print("victim      \(stage.victim)   (its own process, unprotected)")
        print("gateway     \(stage.gateway)   (configuration \(stage.configuration))")
        let accuracy = try DemoMeasurement.victimAccuracy(stage, traffic)
        print(
            String(format: "victim      %.2f %% of %d test pictures right", accuracy * 100, traffic.testCount)
        )
        let measurement = try DemoMeasurement(stage, traffic)
        let report = try DemoReport(measurement, stage: stage, victimAccuracy: accuracy)
        print(report.text)
        let proof = try DemoProof(stage, measurement, traffic)
        print(proof.text)
        if once {
            stage.stop()
            print(report.json)
            return
        }
        print(try DemoExamples(folder: folder, stage, measurement, traffic).text)
        fflush(nil)
        TerminationSignals.wait()
        print("ending")
    }
}

/// The demonstration cannot go on, for a reason the user can act on.
struct DemoError: Error, CustomStringConvertible {
    let description: String
}

/// Where the demonstration puts its files.
enum DemoFolder {
    /// The directory at `path`, made where it is missing; one that holds anything is refused.
    static func made(_ path: String) throws -> String {
        try OutputFolder.refuseOccupied(
            path, "the demonstration would write its configuration and key over others")
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw DemoError(
                description: "the directory \(path) cannot be made: \(error.localizedDescription)")
        }
        return path
    }

    /// A fresh directory of this user's alone.
    static func temporary() throws -> String {
        var template = Array(
            (NSTemporaryDirectory() + "samegate-demo-" + String(repeating: "X", count: 6)).utf8CString)
        guard mkdtemp(&template) != nil else {
            throw DemoError(
                description: "no temporary directory can be made: \(String(cString: strerror(errno)))")
        }
        return template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }
}
