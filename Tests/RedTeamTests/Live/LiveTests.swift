import Digest
import Dispatch
import Foundation
import Gateway
import HTTPWire
import Learning
import Logging
import Observe
import Proxy
import Query
import SAME
import Tensor
import TestSupport
import Testing
import Transport

@testable import RedTeam
@testable import Settings

/// A classifier behind a prediction endpoint on loopback.
private final class ClassifierEndpoint: RequestHandler {
    private let classifier: Classifier
    private let decoder: QueryDecoder

    init(_ classifier: Classifier, _ format: QueryFormat) {
        self.classifier = classifier
        decoder = QueryDecoder(format)
    }

    func handle(_ exchange: Exchange) {
        exchange.collectBody(bytesMax: 1 << 20) { [self] body in
            guard let batch = try? decoder.decode(body) else {
                return exchange.respond(ProblemDocument(status: 400, detail: "no query"))
            }
            let rows = Tensor(shape: [batch.rows, batch.shape.count], values: batch.values)
            let answers = classifier.probabilities(rows, workspace: Workspace(threads: 1))
            let body = AnswerEncoder.tensorFlowServing(
                answers.values, classes: classifier.architecture.classes, form: batch.form)
            exchange.respond(Response(status: 200, contentType: "application/json", body: body))
        }
    }
}

@Suite("Red-teaming a live gateway")
struct LiveTests {
    private static let image = ImageShape(channels: 1, height: 16, width: 16)
    private static let query = QueryFormat(
        layout: .hwc, range: ValueRange(low: 0, high: 1), shape: image)
    /// Bands that nothing comes of where the route only watches.
    private static let watching = "[{above: p99, verdict: reject}]"
    private static let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A gateway with the tests' bundle before a classifier; everything in it is real.
    private static func withGateway(
        bands: String, mode: String = "enforce", extra: String = "", rates: String = "",
        _ body: (String, Classifier, ScratchFolder) throws -> Void
    ) throws -> [SHA256Line] {
        let folder = try ScratchFolder()
        try EvaluationTests.bundle(terms: [.reconstruction]).write(to: folder.file("m.bundle"))
        try Data((0..<32).map { UInt8($0) }).write(to: URL(fileURLWithPath: folder.file("gateway.key")))
        var generator = RandomGenerator(seed: 5)
        let classifier = try Classifier(.mlp(image: image, classes: 4, hidden: 8), generator: &generator)
        let loops = try LoopGroup(count: 1)
        let address = try #require(try Endpoint(parsing: "127.0.0.1:0").address)
        let server = ProxyServer(
            listeners: [try Listener(binding: address)], loops: loops,
            handler: ClassifierEndpoint(classifier, query))
        try server.start()
        let text = """
            listen: [{address: "127.0.0.1:1"}]
            upstreams: {victim: {url: "http://\(server.addresses[0])"}}
            models: {m: {bundle: m.bundle}}
            routes:
              - {name: predict, path: "/v1/models/m:predict", methods: [POST], upstream: victim, authenticate: none\(extra), protect: {model: m, protocol: tensorflow-serving, input: {layout: HWC, range: [0, 1]}, answer: {kind: probabilities}, policy: default, mode: \(mode)}}
            policies: {default: {bands: \(bands)}}
            \(rates)
            scoring: {workers: 1}
            secrets: {key_file: gateway.key}
            logs: {decisions: {path: decisions.jsonl}}
            admin: {address: "127.0.0.1:2"}
            """
        var settings = try LoadedSettings(text: text, file: "test.yaml", directory: folder.path).settings
        settings.listeners[0].address = Settings.SocketAddress(host: "127.0.0.1", port: 0)
        settings.admin?.address = Settings.SocketAddress(host: "127.0.0.1", port: 0)
        let gateway = try Gateway(try GatewayAssembly(settings), log: log)
        try gateway.start()
        try body("http://\(gateway.addresses[0])/v1/models/m:predict", classifier, folder)
        let ended = DispatchSemaphore(value: 0)
        gateway.drain { @Sendable in ended.signal() }
        #expect(ended.wait(timeout: .now() + 60) == .success)
        server.drain(deadline: .zero) { @Sendable in loops.shutdown { @Sendable in ended.signal() } }
        #expect(ended.wait(timeout: .now() + 60) == .success)
        var lines: [SHA256Line] = []
        var reader = LogReader()
        reader.readDecisions(of: folder.file("decisions.jsonl")) { record in
            lines.append(SHA256Line(digest: record.digest ?? "", percentile: record.percentile ?? -1))
        }
        return lines
    }

    private struct SHA256Line {
        var digest: String
        var percentile: Double
    }

    private static func team(
        _ url: String, _ reference: Classifier?, _ folder: ScratchFolder, attacks: [String],
        pays: Bool = false, resumes: Bool = false
    ) -> LiveRedTeam {
        let noise = SimpleQueries.uniformNoise(count: 60, image: image, seed: 1)
        var material = AttackMaterial(
            proxy: PicturePool(noise, shape: image), own: EvaluationTests.own(60))
        material.seedCount = 10
        material.training.kind = .mlp(hidden: 8)
        material.training.epochs = 1
        var plan = LiveRedTeam.Plan(url: url, attacks: attacks, budget: 30, folder: folder.path)
        plan.honestCount = 40
        plan.resumes = resumes
        return LiveRedTeam(
            plan: plan,
            data: .init(
                material: material, test: EvaluationTests.own(100, seed: 9).images,
                testLabels: Labels(values: (0..<100).map { $0 % 4 }, classes: 4)),
            query: query, reference: reference, workspace: Workspace(threads: 1), stop: StopFlag(),
            show: { _ in }
        ) {
            var manner = HTTPOracle.Manner()
            manner.proofThreads = pays ? 1 : 0
            manner.pause = .zero
            return try HTTPOracle(
                url: url, query: query, answer: AnswerFormat(sumTolerance: 0.01), classes: 4, manner: manner)
        }
    }

    @Test(
        "a gateway that lets all pass gives an honest account of itself: nothing refused, nothing perturbed")
    func open() throws {
        _ = try Self.withGateway(bands: Self.watching, mode: "observe") { url, classifier, folder in
            let result = try Self.team(url, classifier, folder, attacks: ["knockoff", "jbda"]).run()
            #expect(result.honest.asked == 40 && result.honest.answered == 40 && result.honest.perturbed == 0)
            #expect(result.attacks.map(\.answeredShare) == [1, 1])
            #expect(
                result.attacks.allSatisfy { $0.fidelity != nil && $0.accuracy != nil && $0.perturbed == 0 })
            #expect(result.attacks[0].statuses == ["200": 30])
            // JBDA's ten clean pictures are answered, and are no queries of its making.
            #expect(result.attacks.map(\.asked) == [30, 30] && result.attacks[1].statuses == ["200": 40])
        }
    }

    /// What comes of an attack after 40 honest queries, where so many queries in all are let through.
    private static func limited(to burst: Int, _ attack: String) throws -> LiveResult {
        let rates = "rates: {few: {cells: 1, per: 24h, burst: \(burst), by: network}}"
        var result: LiveResult?
        _ = try withGateway(bands: watching, mode: "observe", extra: ", rates: [few]", rates: rates) {
            url, classifier, folder in
            result = try team(url, classifier, folder, attacks: [attack]).run()
        }
        return try #require(result)
    }

    @Test("an attack whose clean pictures are all refused has made no query, and none of them counts as one")
    func nothingToBeginWith() throws {
        let result = try Self.limited(to: 40, "jbda")
        #expect(result.honest.answered == 40)
        let found = result.attacks[0]
        #expect(found.asked == 0 && found.answered == 0 && found.refused.isEmpty)
        #expect(found.statuses == ["429": 10])
        #expect(result.advice.findings.contains { $0.contains("jbda made no query of its own") })
    }

    @Test("where nothing answers there is no account of a gateway, but an error with its address")
    func dead() throws {
        let folder = try ScratchFolder()
        let error = #expect(throws: AttackError.self) {
            try Self.team("http://127.0.0.1:1/v1/x", nil, folder, attacks: ["knockoff"]).run()
        }
        #expect(error?.description.contains("http://127.0.0.1:1/v1/x") == true)
    }

    @Test(
        "refusals, challenges and perturbed answers are counted as what they are; paying turns challenges to answers"
    )
    func counts() throws {
        _ = try Self.withGateway(
            bands: "[{above: p0, verdict: perturb, noise: {l1: 0.2}}, {above: p99.9, verdict: reject}]"
        ) {
            url, classifier, folder in
            let result = try Self.team(url, classifier, folder, attacks: ["noise-uniform"]).run()
            #expect(result.attacks[0].answered == 0 && result.attacks[0].refused == ["rejected": 30])
            let perturbed = try #require(result.honest.perturbed)
            #expect(perturbed > result.honest.answered / 2)
            let change = try #require(result.honest.perturbation)
            #expect(change > 0 && change <= 0.2 + 1e-3)
        }
        for pays in [false, true] {
            _ = try Self.withGateway(
                bands: "[{above: p99, verdict: proof-of-work, work: {hashes: [64, 256], growth: 2}}]"
            ) {
                url, classifier, folder in
                let team = Self.team(url, classifier, folder, attacks: ["noise-uniform"], pays: pays)
                let found = try team.run().attacks[0]
                #expect(found.answered == (pays ? 30 : 0) && found.proofs == (pays ? 30 : 0))
                #expect(found.hashesAsked > 30 * 63)
                #expect(abs(found.hashesPaid - (pays ? found.hashesAsked : 0)) < 1)
                #expect(found.statuses["428"] == 30 && (found.statuses["200"] ?? 0) == (pays ? 30 : 0))
            }
        }
    }

    @Test("what an earlier run has finished is not asked again where it is resumed, and the report says so")
    func resumed() throws {
        let lines = try Self.withGateway(bands: Self.watching, mode: "observe") { url, classifier, folder in
            let names = ["noise-uniform", "noise-normal"]
            let first = try Self.team(url, classifier, folder, attacks: [names[0]]).run()
            #expect(first.honest.isKept == nil && first.attacks[0].isKept == nil)
            let again = try Self.team(url, classifier, folder, attacks: names, resumes: true).run()
            #expect(again.honest.isKept == true && again.attacks.map(\.isKept) == [true, nil])
            var kept = again.attacks[0]
            kept.isKept = nil
            #expect(kept == first.attacks[0])
            #expect(LiveReport(again).markdown.contains("Asked by an earlier run"))
        }
        #expect(lines.count == 40 + 30 + 30)
    }

    @Test("429 is a refusal of its own")
    func limited() throws {
        let result = try Self.limited(to: 50, "noise-normal")
        #expect(result.honest.answered == 40)
        #expect(result.attacks[0].answered == 10 && result.attacks[0].refused == ["limited": 20])
        #expect(result.attacks[0].reasons == ["429 Too many queries (urn:samegate:problem:rate-limited)": 20])
        #expect(LiveReport(result).markdown.contains("(urn:samegate:problem:rate-limited) | 20 |"))
    }

    @Test(
        "the log's decisions are found by digest, and the advice is a configuration that this program takes")
    func advice() throws {
        var digests: Set<String> = []
        let lines = try Self.withGateway(bands: Self.watching, mode: "observe") { url, _, folder in
            let result = try Self.team(url, nil, folder, attacks: ["noise-uniform"]).run()
            #expect(result.honest.perturbed == nil, "there is no reference")
            digests = ["asked"]
        }
        #expect(lines.count == 70 && !digests.isEmpty)
        _ = try Self.withGateway(bands: Self.watching, mode: "observe") { url, classifier, folder in
            let known = Dictionary(lines.map { ($0.digest, $0.percentile) }) { first, _ in first }
            let result = try Self.team(url, classifier, folder, attacks: ["noise-uniform"]).run { _ in
                Dictionary(
                    uniqueKeysWithValues: known.compactMap { hex, percentile in
                        Hex.decode(hex).flatMap(SHA256Digest.init(bytes:)).map {
                            ($0, .init(percentile: percentile))
                        }
                    })
            }
            #expect(result.honest.percentiles.count == 40 && result.attacks[0].percentiles.count == 30)
            #expect(result.attacks[0].percentiles.allSatisfy { $0 > 99 })
            #expect(result.advice.findings.contains { $0.contains("Above p99.9") })
            let text = """
                listen: [{address: "127.0.0.1:1"}]
                upstreams: {victim: {url: "http://127.0.0.1:9"}}
                routes: [{name: r, path: "/*", upstream: victim, authenticate: none, rates: [per-client]}]
                secrets: {key_file: gateway.key}
                \(result.advice.yaml)
                """
            let settings = try LoadedSettings(text: text, file: "a.yaml", directory: folder.path).settings
            #expect(settings.policies.first?.bands.count == 3)
            let page = LiveReport(result)
            #expect(page.page.html.contains("<pre>policies:") && page.markdown.contains("```yaml"))
            #expect(try page.summaryLine().hasPrefix("{\"attacks\":{\"noise-uniform\":"))
        }
    }
}
