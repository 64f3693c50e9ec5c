import Foundation

@testable import Gateway

/// A configuration for one test: what it leaves alone is what an ordinary gateway would have.
struct Plan: Sendable {
    var model = TinyModel.gray
    var wireProtocol = "tensorflow-serving"
    var layout = "HWC"
    /// The bands of the policy, as YAML.
    var bands = "[{above: p95, verdict: reject}]"
    var mode = "enforce"
    var onUndecodable = "reject"
    var onUnreadableAnswer = "pass"
    var onOverload = "pass"
    var answerKind = "probabilities"
    var withheld = "{answers: 100, bytes: 16MiB, lifetime: 5m}"
    var queue = 64
    /// More keys of `scoring`, each with a comma before it.
    var scoring = ""
    /// What comes after the upstream's port.
    var base = ""
    /// More keys of the listener, each with a comma before it.
    var listen = ""
    /// More upstreams, as YAML.
    var upstreams = ""
    /// More keys of the upstream, each with a comma before it.
    var upstream = ""
    /// More keys of `protect`, each with a comma before it.
    var protectKeys = ""
    /// More routes before the catch-all, as YAML list items.
    var routes = ""
    /// The path of the protected route.
    var path = "/v1/models/m:predict"

    /// The path of the unprotected route.
    var catchAll = "/*"

    /// Whether the protected route asks for credentials.
    var authenticate = "none"
    /// More keys of the protected route, each with a comma before it.
    var predictKeys = ""
    /// More keys of the unprotected route, each with a comma before it.
    var restKeys = ""
    /// More sections, as YAML.
    var sections = ""
    /// Files beside the configuration, by name.
    var files: [String: String] = [:]

    static let perturb = "[{above: p50, verdict: perturb, noise: {l1: 0.2}}]"
    static let proofOfWork = "[{above: p50, verdict: proof-of-work, work: {hashes: [64, 4096], growth: 2}}]"
    static let all = """
        [{above: p50, verdict: perturb, noise: {l1: 0.2}}, \
        {above: p80, verdict: proof-of-work, work: {hashes: [64, 4096], growth: 2}}, {above: p95, verdict: reject}]
        """

    var protect: String {
        """
        {model: m, protocol: \(wireProtocol), input: {layout: \(layout), range: [-1, 1]}, \
        answer: {kind: \(answerKind)}, policy: default, mode: \(mode), on_undecodable: \(onUndecodable), \
        on_unreadable_answer: \(onUnreadableAnswer), on_overload: \(onOverload)\(protectKeys)}
        """
    }

    /// Writes the files into a folder.
    func write(in folder: String) throws {
        for (name, text) in files {
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        }
    }

    /// What an assembly says of the plan.
    func problems() throws -> [AssemblyProblem] {
        let folder = try GatewayFixture.prepareFolder(try model.get())
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write(in: folder)
        return AssemblyTests.problems(try GatewayFixture.load(text(victim: "127.0.0.1:9"), in: folder))
    }

    /// The configuration for a victim that listens at `victim`.
    func text(victim: String) -> String {
        """
        listen: [{address: "127.0.0.1:1"\(listen)}]
        upstreams:
          victim: {url: "http://\(victim)\(base)"\(upstream)}
        \(upstreams)
        models:
          m: {bundle: m.bundle}
        routes:
          - {name: predict, path: "\(path)", methods: [POST], upstream: victim, authenticate: \(authenticate)\(predictKeys), protect: \(protect)}
        \(routes)
          - {name: rest, path: "\(catchAll)", upstream: victim\(restKeys)}
        policies:
          default: {bands: \(bands)}
        scoring: {workers: 1, queue: \(queue)\(scoring)}
        secrets: {key_file: gateway.key}
        withheld: \(withheld)
        logs:
          decisions: {path: logs/decisions.jsonl}
          access: {path: logs/access.jsonl}
        shutdown: {drain: 20s}
        \(sections)
        """
    }
}
