import ArgumentParser
import Client
import Foundation
import HTTPWire
import Observe
import Query

/// What came of sending the demonstration's queries.
struct DemoMeasurement {
    /// One query's fate.
    struct Fate {
        let kind: DemoTraffic.Kind
        let status: Int
        let answer: [UInt8]
        /// What the gateway logged about it.
        var decision: DecisionRecord?
    }

    /// In the order sent; of each kind as many.
    private(set) var fates: [Fate] = []
    /// Round trips of the same benign queries, in milliseconds, sent in turn to the victim itself and through the gateway.
    private(set) var direct: [Double] = []
    private(set) var guarded: [Double] = []

    /// Sends every query through the gateway, one at a time, and reads the decisions back from its log.
    init(_ stage: DemoStage, _ traffic: DemoTraffic) throws {
        let gateway = HTTPClient(stage.gatewayEndpoint)
        let victim = HTTPClient(stage.victimEndpoint)
        let benign = traffic.bodies[.benign] ?? []
        // A few round trips first: connections are made and pages touched once.
        for body in benign.prefix(20) { _ = try Self.send(body, "warmup", victim) }
        for kind in DemoTraffic.Kind.allCases {
            for (index, body) in (traffic.bodies[kind] ?? []).enumerated() {
                if kind == .benign, index.isMultiple(of: 2) { direct.append(try Self.time(body, victim)) }
                let answer = try Self.send(body, "\(kind.rawValue)-\(index)", gateway)
                if kind == .benign { guarded.append(answer.latency.milliseconds) }
                if kind == .benign, !index.isMultiple(of: 2) { direct.append(try Self.time(body, victim)) }
                fates.append(Fate(kind: kind, status: answer.status, answer: answer.body))
            }
        }
        try attachDecisions(stage.decisionLog)
    }

    /// The first query that was asked for work, and its place among the fates; nil when none was.
    var challenged: (fate: Fate, index: Int)? {
        fates.firstIndex { $0.status == 428 }.map { (fates[$0], $0) }
    }

    /// The body of that query.
    func challengedBody(_ traffic: DemoTraffic) -> [UInt8]? {
        guard let (fate, index) = challenged else { return nil }
        return traffic.bodies[fate.kind]?[fates[..<index].count { $0.kind == fate.kind }]
    }

    /// The share of all test pictures that the victim, asked over HTTP, puts into the right class.
    static func victimAccuracy(_ stage: DemoStage, _ traffic: DemoTraffic) throws -> Double {
        let client = HTTPClient(stage.victimEndpoint, timeout: .seconds(120))
        var right = 0
        for (body, labels) in traffic.testBatches {
            let response = try send(body, "accuracy", client)
            guard response.status == 200 else {
                throw DemoError(description: "the victim answered \(response.status)")
            }
            let answer = try traffic.reader.read(response.body, rows: labels.count)
            for (row, label) in labels.enumerated() {
                let values = answer.row(row)
                if values.indices.max(by: { values[$0] < values[$1] }) == label { right += 1 }
            }
        }
        return Double(right) / Double(max(traffic.testCount, 1))
    }

    /// One predict call under a request id of its own. **Throws** `ExitCode` 130 once the operator wants the end.
    static func send(
        _ body: [UInt8], _ id: String, _ client: HTTPClient, proof: (name: String, value: String)? = nil
    ) throws -> ClientResponse {
        if TerminationSignals.hasCome { throw ExitCode(130) }
        var fields = HeaderList()
        try fields.add("Content-Type", "application/json")
        try fields.add("X-Request-Id", id)
        if let proof { try fields.add(proof.name, proof.value) }
        return try client.send(.post, DemoStage.target, fields: fields, body: body, repeatable: true)
    }

    private static func time(_ body: [UInt8], _ client: HTTPClient) throws -> Double {
        try send(body, "direct", client).latency.milliseconds
    }

    /// Joins the log's lines to the queries by request id, waiting a little for the last ones to be written.
    private mutating func attachDecisions(_ path: String) throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            var decisions: [String: DecisionRecord] = [:]
            let data = FileManager.default.contents(atPath: path) ?? Data()
            for line in data.split(separator: UInt8(ascii: "\n")) {
                if let record = DecisionRecord(line: line) { decisions[record.requestID] = record }
            }
            var counts: [DemoTraffic.Kind: Int] = [:]
            for index in fates.indices {
                let kind = fates[index].kind
                fates[index].decision = decisions["\(kind.rawValue)-\(counts[kind, default: 0])"]
                counts[kind, default: 0] += 1
            }
            let missing = fates.count { $0.decision == nil }
            if missing == 0 { return }
            guard ContinuousClock.now < deadline else {
                throw DemoError(description: "\(missing) of \(fates.count) queries are not in \(path)")
            }
            usleep(50_000)
        }
    }
}

extension Duration {
    /// **Units** milliseconds.
    var milliseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) * 1e3 + Double(attoseconds) / 1e15
    }
}
