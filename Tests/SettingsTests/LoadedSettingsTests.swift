import Foundation
import TestSupport
import Testing

@testable import Settings

/// The settings of `base()` with every default written out, nested by the paths of `effective`.
private func explicitDefaults() throws -> String {
    let absent = try load(base()).effective.filter { !$0.given && !$0.value.hasPrefix("(") }
    var tops: [String: [String]] = [:]
    for value in absent where !["upstreams", "routes", "listen"].contains(where: value.path.hasPrefix) {
        let parts = value.path.split(separator: ".").map(String.init)
        tops[parts[0], default: []].append("  \(parts[1]): \(value.value)")
    }
    let prefix = "upstreams.victim."
    var nested: [String: [String]] = [:]
    var upstream: [String] = []
    for value in absent where value.path.hasPrefix(prefix) {
        let parts = value.path.dropFirst(prefix.count).split(separator: ".").map(String.init)
        if parts.count == 1 { upstream.append(", \(parts[0]): \(value.value)") }
        if parts.count == 2 { nested[parts[0], default: []].append("\(parts[1]): \(value.value)") }
    }
    upstream += nested.map { ", \($0.key): {\($0.value.joined(separator: ", "))}" }
    let more = tops.map { "\($0.key):\n" + $0.value.joined(separator: "\n") }.joined(separator: "\n")
    let route = absent.filter { $0.path.hasPrefix("routes[0].") }.map { value in
        ", \(value.path.dropFirst("routes[0].".count)): \(value.value)"
    }
    let listener = absent.filter { $0.path.hasPrefix("listen[0].") }.map { value in
        ", \(value.path.dropFirst("listen[0].".count)): \(value.value)"
    }
    return base(more).replacing("127.0.0.1:8080}", with: "127.0.0.1:8080\(listener.joined())}")
        .replacing("8501}", with: "8501\(upstream.joined())}")
        .replacing("upstream: victim}", with: "upstream: victim\(route.joined())}")
}

@Suite("Loading")
struct LoadedSettingsTests {
    @Test("writing every default out changes nothing")
    func defaults() throws {
        let text = try explicitDefaults()
        let written = try load(text)
        #expect(try written.settings == load(base()).settings)
        #expect(written.effective.filter { $0.given }.count > 25)
    }

    @Test("a value replaces its default")
    func values() throws {
        let settings = try load(base("limits: {connections: 7, answer_bytes: 2MB}\nscoring: {workers: 3}"))
            .settings
        #expect(settings.limits.connections == 7)
        #expect(settings.limits.answerBytes == 2_000_000)
        #expect(settings.limits.headerCount == 100)
        #expect(settings.scoring.workers == .exactly(3))
    }

    @Test("nothing is kept of earlier queries nor cut short unless asked for, and the cache is bounded")
    func savings() throws {
        let plain = try load(base()).settings
        #expect(plain.scoring.cache == 0 && !plain.scoring.exitsEarly)
        let both = try load(base("scoring: {cache: 4096, early_exit: true}")).settings
        #expect(both.scoring.cache == 4096 && both.scoring.exitsEarly)
        #expect(throws: (any Error).self) { try load(base("scoring: {cache: 1000001}")).settings }
        #expect(throws: (any Error).self) { try load(base("scoring: {cache: -1}")).settings }
    }

    @Test("the protected fixture means what it says")
    func protected() throws {
        let url = try #require(fixtures("good").first { $0.lastPathComponent == "protected.yaml" })
        let settings = try load(String(contentsOf: url, encoding: .utf8)).settings
        #expect(settings.listeners[0].address == SocketAddress(host: "::1", port: 8080))
        #expect(settings.upstreams[0].url == UpstreamURL(host: "::1", port: 8501, basePath: "/base"))
        #expect(settings.models[0].bundle == "/etc/samegate/digits.bundle")
        let protect = try #require(settings.routes[0].protect)
        #expect(protect.input.layout == .channelsHeightWidth)
        #expect(protect.input.range == -1...1)
        #expect(protect.input.name == "image")
        #expect(protect.answer.kind == .logProbabilities)
        #expect(protect.onUndecodable == .reject)
        #expect(settings.policies[0].bands[0].above == .percentile(99))
        #expect(settings.policies[0].bands[0].verdict == .reject)
        #expect(settings.secrets.keyFile == "/etc/samegate/some.key")
    }

    @Test("a merged mapping yields to the keys beside it")
    func merge() throws {
        let url = try #require(fixtures("good").first { $0.lastPathComponent == "anchors.yaml" })
        let upstreams = try load(String(contentsOf: url, encoding: .utf8)).settings.upstreams
        #expect(upstreams.map(\.connections.most) == [16, 16])
        #expect(upstreams.map(\.url.host) == ["one.internal", "two.internal"])
    }

    @Test("an upstream of several servers means what it says, and one of a single URL has the defaults")
    func upstreams() throws {
        let url = try #require(fixtures("good").first { $0.lastPathComponent == "upstreams.yaml" })
        let upstreams = try load(String(contentsOf: url, encoding: .utf8)).settings.upstreams
        let victim = upstreams[0]
        #expect(victim.servers.map(\.url.host) == ["one.internal", "two.internal", "three.internal"])
        #expect(victim.servers.map(\.weight) == [3, 1, 1])
        #expect(victim.servers.map(\.isBackup) == [false, false, true])
        #expect(victim.balance == .consistentHash && victim.hashLoadBound == 1.25)
        #expect(victim.host == .fixed("models.internal"))
        #expect(victim.connections.idleMost == 8 && victim.connections.lifetime == .seconds(3600))
        #expect(victim.deadlines.queue == .milliseconds(500) && victim.deadlines.total == .seconds(45))
        #expect(victim.health?.status == 200...200 && victim.health?.unhealthy == 2)
        #expect(victim.eject.share == 0.3 && victim.retryBudget.window == 20)
        let plain = upstreams[1]
        #expect(plain.servers.count == 1 && plain.host == .pass && plain.health == nil)
        #expect(plain.deadlines.total == nil && plain.connections.requests == nil)
    }

    @Test("a bare number is a raw score and p with a number is a percentile")
    func thresholds() throws {
        let url = try #require(fixtures("good").first { $0.lastPathComponent == "raw-scores.yaml" })
        let loaded = try load(String(contentsOf: url, encoding: .utf8))
        let bands = loaded.settings.policies[0].bands
        #expect(bands.map(\.above) == [.raw(-0.25), .raw(100), .raw(1000.5)])
        guard case .proofOfWork(let work) = bands[2].verdict else {
            Issue.record("expected proof-of-work")
            return
        }
        #expect(work.hashes == 1...2 && work.growth == 1)
        #expect(loaded.warnings.contains { $0.message.contains("observes only") })
    }

    private func shipped(_ name: String) throws -> LoadedSettings {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let path = root.appendingPathComponent("Config/\(name)").standardized.path
        return try LoadedSettings(contentsOf: path, files: fullDisk)
    }

    @Test("the example configuration loads, warns only where it fails open, and spells out every default")
    func example() throws {
        let loaded = try shipped("samegate.yaml")
        #expect(loaded.warnings.allSatisfy { $0.message.hasPrefix("fails open") })
        #expect(loaded.settings.policies[0].bands.count == 3)
        let left = loaded.effective.filter { !$0.given && !$0.value.hasPrefix("(") }
        #expect(left.isEmpty)
    }

    @Test("what the example spells out as defaults are the defaults")
    func exampleDefaults() throws {
        let (example, bare) = (try shipped("samegate.yaml").settings, try load(base()).settings)
        #expect(example.limits == bare.limits)
        #expect(example.forwarded == bare.forwarded)
        #expect(example.tracing == bare.tracing && example.daemon == bare.daemon)
        #expect(example.upstreams == bare.upstreams)
        #expect(example.scoring == bare.scoring)
        #expect(example.withheld == bare.withheld)
        #expect(example.shutdown == bare.shutdown)
        #expect(example.logs.level == bare.logs.level)
    }

    @Test("the minimal example loads, and says that it has no key and only observes")
    func minimal() throws {
        let warnings = try shipped("minimal.yaml").warnings
        #expect(warnings.map(\.path) == ["secrets.key_file", "routes[0].protect.mode"])
    }

    @Test("a problem found after reading stands where its value stands, or what encloses it")
    func later() throws {
        let loaded = try load(base("logs: {level: debug}"))
        #expect(
            loaded.problem("x", at: "upstreams.victim.url").description.hasPrefix("test.yaml:2:27: error: "))
        #expect(loaded.problem("x", at: "logs.level.deep[3]").line == 4)
        #expect(loaded.problem("x", at: "nowhere").line == 1)
    }

    @Test("choices that fail open are warnings where verdicts are enforced")
    func failOpen() {
        let protect = """
            listen: [{address: 127.0.0.1:8080}]
            upstreams: {victim: {url: http://127.0.0.1:8501}}
            models: {m: {bundle: m}}
            policies: {p: {bands: [{above: p99, verdict: reject}]}}
            routes:
              - name: a
                path: /*
                upstream: victim
                protect: {model: m, policy: p, on_undecodable: pass, on_unreadable_answer: reject, on_overload: reject,
                  input: {layout: HWC, range: [0, 1]}, answer: {kind: logits}}
            """
        let found = problems(protect)
        #expect(found.count == 1)
        #expect(found.first?.contains("routes[0].protect.on_undecodable: fails open") == true)
    }

    @Test("a key file that others can read is a warning")
    func openKey() {
        let found = problems(base("secrets: {key_file: open.key}"))
        #expect(found.contains { $0.contains("warning: secrets.key_file: can be read by other users") })
    }

    @Test("a text longer than 256 KiB is refused before it is parsed")
    func long() {
        let text = base("# " + String(repeating: "x", count: 256 << 10))
        #expect(problems(text) == ["test.yaml:1:1: error: is longer than 256KiB"])
    }

    @Test("aliases in keys are bounded too, where the parser itself would follow them")
    func aliasKeys() {
        var lines = ["a: &a [1, 1]"]
        for (from, to) in zip("abcdefghijklmnop", "bcdefghijklmnopq") {
            lines.append("\(to): &\(to) [*\(from), *\(from)]")
        }
        lines.append("? *q\n: 1")
        #expect(problems(lines.joined(separator: "\n")).first?.contains("more than 16 aliases") == true)
    }

    @Test("columns count characters behind an umlaut and a carriage return")
    func columns() {
        let text = "# ä\r\n" + base("scoring: {\"queue\":   zwölf, workers: 0}")
        let found = problems(text).filter { $0.contains("error") }
        #expect(
            found == [
                "test.yaml:5:22: error: scoring.queue: expected a whole number, found 'zwölf'",
                "test.yaml:5:38: error: scoring.workers: 0 is out of bounds; it must be 1 to 1024",
            ])
    }
}

@Suite("Files")
struct SettingsFileTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    private func write(_ name: String, _ data: Data, mode: Int = 0o600) throws -> String {
        let path = folder.file(name)
        #expect(
            FileManager.default.createFile(
                atPath: path, contents: data, attributes: [.posixPermissions: mode]))
        return path
    }

    @Test("a file that is missing, a directory, or not UTF-8 is one clear problem")
    func unreadable() throws {
        let latin = try write("latin.yaml", Data([0x61, 0xE4, 0x62]))
        for (path, words) in [
            (folder.path + "/none.yaml", "cannot be opened"), (folder.path, "is a directory"),
            (latin, "is not UTF-8"),
        ] {
            let error = #expect(throws: SettingsError.self) { try LoadedSettings(contentsOf: path) }
            #expect(error?.problems.count == 1)
            #expect(error?.problems.first?.message.contains(words) == true)
        }
    }

    @Test("paths begin at the configuration's directory, and the key is read but never printed")
    func key() throws {
        let bytes = Data((0..<32).map { UInt8($0 + 65) })
        let key = try write("gate.key", bytes)
        let path = try write("samegate.yaml", Data(base("secrets: {key_file: gate.key}").utf8))
        let loaded = try LoadedSettings(contentsOf: path)
        #expect(loaded.settings.secrets.keyFile == key)
        let secret = try loaded.settings.secrets.key()
        #expect(secret.bytes == Array(bytes))
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped] {
            #expect(!text.contains("65") && !text.contains("ABC"))
        }
    }

    @Test("without a key file every start has another key of 32 bytes")
    func ephemeral() throws {
        let secrets = try load(base()).settings.secrets
        let (one, other) = (try secrets.key(), try secrets.key())
        #expect(one.bytes.count == 32)
        #expect(one != other)
    }

    @Test("a key file that changed since it was checked is refused when it is read")
    func changedKey() throws {
        let path = try write("samegate.yaml", Data(base("secrets: {key_file: gate.key}").utf8))
        let key = try write("gate.key", Data(count: 40))
        let secrets = try LoadedSettings(contentsOf: path).settings.secrets
        try Data(count: 5).write(to: URL(fileURLWithPath: key))
        #expect(throws: SecretsSettings.KeyError.size(path: key, bytes: 5)) { try secrets.key() }
        try FileManager.default.removeItem(atPath: key)
        #expect(throws: SecretsSettings.KeyError.unreadable(path: key)) { try secrets.key() }
    }
}
