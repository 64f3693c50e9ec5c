import ArgumentParser
import Digest
import Foundation
import Learning
import Observe
import Query
import RedTeam
import SAME
import Tensor

/// How a live gateway is red-teamed.
struct EvaluateLiveOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Red-team a live gateway at this address instead, e.g. http://host:8080/v1/models/m:predict.",
            valueName: "url"))
    var url: String?
    @Option(help: ArgumentHelp("Send this API key.", valueName: "key"))
    var apiKey: String?
    @Option(help: ArgumentHelp("The field of the API key.", valueName: "name"))
    var apiKeyHeader = "X-API-Key"
    @Option(help: ArgumentHelp("Send this bearer token.", valueName: "token"))
    var token: String?
    @Flag(help: "Pay proofs-of-work.")
    var pay = false
    @Option(help: ArgumentHelp("Send no more requests a second.", valueName: "requests"))
    var rate: Double?
    @Option(help: ArgumentHelp("Wait where the gateway says so, up to this long.", valueName: "seconds"))
    var wait = 0
    @Option(help: "Order of a picture's dimensions that the gateway takes: HWC, CHW or HW.")
    var layout: FitLayout = .hwc
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Values of black and white that it takes, such as -1,1.", valueName: "low,high"))
    var range = "0,1"
    @Option(help: "What it answers: probabilities, log-probabilities, logits or labels.")
    var answer: FitAnswerKind = .probabilities
    @Option(
        name: .customLong("protocol"),
        help: ArgumentHelp(
            "How it is asked: tensorflow-serving, or open-inference as in http://host:8080/v2/models/m/infer.",
            valueName: "protocol"))
    var wireProtocol: WireProtocol = .tensorFlowServing
    @Option(help: "Type of the numbers that open-inference sends, such as FP32 (default) or UINT8.")
    var datatype: TensorDatatype?
    @Option(help: ArgumentHelp("Name of the input tensor, where it needs one.", valueName: "name"))
    var input: String?
    @Option(help: "Test pictures that honest users send.")
    var honest = 500
    @Option(
        help: ArgumentHelp(
            "The gateway's decision log, to place bands by what these queries scored; what it has set aside is read too; may be repeated.",
            valueName: "file"))
    var decisions: [String] = []

    func validate() throws {
        if let rate, !(rate > 0 && rate <= 1e6) { throw ValidationError("--rate must be above 0") }
        guard (0...3600).contains(wait) else { throw ValidationError("--wait must be from 0 to 3600") }
        guard (1...100_000).contains(honest) else {
            throw ValidationError("--honest must be from 1 to 100000")
        }
        for path in decisions {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue,
                FileManager.default.isReadableFile(atPath: path)
            else { throw ValidationError("--decisions \(path): there is no file that can be read") }
        }
        if datatype != nil, wireProtocol != .openInference {
            throw ValidationError("--datatype goes with --protocol open-inference")
        }
        guard ends != nil else {
            throw ValidationError("--range takes two numbers, the lower first, such as 0,1")
        }
    }

    /// The options that say something of a live gateway, of those that were given another value than their own.
    var given: [String] {
        let all = [
            ("--api-key", apiKey != nil), ("--api-key-header", apiKeyHeader != "X-API-Key"),
            ("--token", token != nil), ("--pay", pay), ("--rate", rate != nil), ("--wait", wait != 0),
            ("--layout", layout != .hwc), ("--range", range != "0,1"), ("--answer", answer != .probabilities),
            ("--input", input != nil),
            ("--protocol", wireProtocol != .tensorFlowServing), ("--datatype", datatype != nil),
            ("--honest", honest != 500), ("--decisions", !decisions.isEmpty),
        ]
        return all.filter(\.1).map(\.0)
    }

    private var ends: ValueRange? {
        let ends = range.split(separator: ",").map { Double($0) }
        guard ends.count == 2, let low = ends[0], let high = ends[1], low.isFinite, high.isFinite, low < high
        else { return nil }
        return ValueRange(low: low, high: high)
    }

    /// How queries are written.
    func query(_ image: ImageShape) throws -> QueryFormat {
        let format = QueryFormat(
            wireProtocol: wireProtocol, inputName: input, datatype: datatype, layout: layout.layout,
            range: ends ?? ValueRange(low: 0, high: 1), shape: image)
        if let problem = format.problems.first { throw ValidationError(problem) }
        return format
    }

    /// A client of the gateway, until `stop` is raised.
    func connect(
        _ url: String, _ query: QueryFormat, classes: Int, threads: Int, stop: StopFlag
    ) throws -> HTTPOracle {
        try HTTPOracle(
            url: url, query: query,
            answer: AnswerFormat(
                wireProtocol: wireProtocol, kind: answer.kind, classes: answer == .labels ? classes : nil,
                sumTolerance: 0.01),
            classes: classes, manner: manner(threads: threads), stop: stop)
    }

    private func manner(threads: Int) -> HTTPOracle.Manner {
        var manner = HTTPOracle.Manner()
        manner.proofThreads = pay ? threads : 0
        manner.requestsPerSecond = rate
        manner.waitMax = .seconds(wait)
        if let apiKey { manner.fields[apiKeyHeader] = apiKey }
        if let token { manner.fields["Authorization"] = "Bearer \(token)" }
        return manner
    }

    /// What tells this client from others that ask the same: what it gets depends on it. Nothing of a key or a token but that there
    /// is one.
    var fingerprint: String {
        "\(manner(threads: 1).identity), \(layout.rawValue) \(range) \(answer.rawValue) \(input ?? "")"
            + (wireProtocol == .tensorFlowServing
                ? "" : " \(wireProtocol.rawValue) \(datatype?.rawValue ?? "")")
    }

    /// What the logs and the files that they have set aside say of these queries, the latest of each, and what there is to say of
    /// the logs: hours of asking are not given up for one that cannot be read any more.
    func readDecisions(
        of queries: Set<SHA256Digest>
    ) -> (known: [SHA256Digest: LiveRedTeam.Decision], findings: LogReader.Findings) {
        var found: [SHA256Digest: LiveRedTeam.Decision] = [:]
        var reader = LogReader()
        for path in LogFileList(withRotatedOf: decisions).all {
            reader.readDecisions(of: path) { record in
                guard let digest = record.digest.flatMap(Hex.decode).flatMap(SHA256Digest.init(bytes:)),
                    queries.contains(digest)
                else { return }
                let percentile = record.percentile ?? found[digest]?.percentile
                found[digest] = LiveRedTeam.Decision(percentile: percentile)
            }
        }
        return (found, reader.findings)
    }
}
