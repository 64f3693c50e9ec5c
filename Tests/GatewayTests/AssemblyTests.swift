import Foundation
import Policy
import Testing

@testable import Gateway
@testable import Settings

@Suite("Gateway: from settings to what runs")
struct AssemblyTests {
    /// The settings of a plan in a folder of their own, which the caller removes.
    static func settings(_ plan: Plan = Plan()) throws -> (GatewaySettings, folder: String) {
        let folder = try GatewayFixture.prepareFolder(try plan.model.get())
        return (try GatewayFixture.load(plan.text(victim: "127.0.0.1:9"), in: folder), folder)
    }

    static func problems(_ settings: GatewaySettings) -> [AssemblyProblem] {
        do throws(AssemblyError) {
            _ = try GatewayAssembly(settings)
            return []
        } catch {
            return error.problems
        }
    }

    static func corrupt(_ file: String) throws {
        let url = URL(fileURLWithPath: file)
        var data = try Data(contentsOf: url)
        data[data.count - 5] ^= 1
        try data.write(to: url)
    }

    @Test("a good configuration says what it loaded")
    func good() throws {
        let (settings, folder) = try Self.settings()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let model = try #require(try GatewayAssembly(settings).models.first)
        #expect(model.name == "m" && model.image == "1x8x8" && model.classes == 3)
        #expect(model.parameters > 1000 && model.calibrationSamples == 300)
    }

    @Test("everything that stands in the way is reported at once, each with its path in the configuration")
    func everything() throws {
        var (settings, folder) = try Self.settings()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(atPath: folder + "/m.bundle", toPath: folder + "/bad.bundle")
        try Self.corrupt(folder + "/bad.bundle/mae.safetensors")
        try FileManager.default.removeItem(atPath: folder + "/gateway.key")
        var bad = settings.models[0]
        bad.name = "bad"
        bad.bundle = folder + "/bad.bundle"
        settings.models.append(bad)
        settings.routes[0].protect?.input.range = 1...1
        var milder = settings.policies[0].bands[0]
        milder.above = .percentile(90)
        milder.verdict = .pass
        settings.policies[0].bands.append(milder)
        let problems = Self.problems(settings)
        #expect(
            problems.map(\.path) == [
                "models.bad.bundle", "routes[0].protect.input", "policies.default.bands[1]",
                "policies.default.bands[1]", "secrets.key_file",
            ])
        #expect(
            problems[0].message.contains(folder + "/bad.bundle")
                && problems[0].message.contains("mae.safetensors"))
        #expect(problems[2].message.contains("bands ascend") && problems[3].message.contains("milder"))
        #expect(problems[4].message.contains("gateway.key"))
        let text = AssemblyError(problems: problems).description
        #expect(text.split(separator: "\n").count == 5 && text.hasPrefix("models.bad.bundle: "))
    }

    @Test("a policy of several routes is reported once, and also while its bundle cannot be read")
    func policyOnce() throws {
        var (settings, folder) = try Self.settings()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        settings.policies[0].bands[0].above = .percentile(100)
        var twin = settings.routes[0]
        twin.name = "twin"
        settings.routes.append(twin)
        #expect(Self.problems(settings).map(\.path) == ["policies.default.bands[0]"])
        try Self.corrupt(folder + "/m.bundle/auxiliary.safetensors")
        #expect(Self.problems(settings).map(\.path) == ["models.m.bundle", "policies.default.bands[0]"])
    }

    @Test("a key that has become too short since is refused", arguments: [0, 31, 5000])
    func key(bytes: Int) throws {
        let (settings, folder) = try Self.settings()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(repeating: 1, count: bytes).write(to: URL(fileURLWithPath: folder + "/gateway.key"))
        let problem = try #require(Self.problems(settings).first)
        #expect(problem.path == "secrets.key_file" && problem.message.contains("\(bytes) bytes"))
    }

    @Test("an account that the system does not know is refused at its place")
    func account() throws {
        var (settings, folder) = try Self.settings()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        settings.daemon.user = "no-such-user"
        #expect(Self.problems(settings).map(\.path) == ["daemon.user"])
        settings.daemon.user = "root"
        #expect(Self.problems(settings).isEmpty)
        settings.daemon.group = "no-such-group"
        let problem = try #require(Self.problems(settings).first)
        #expect(problem.path == "daemon.group" && problem.message.contains("no-such-group"))
    }

    @Test("without a key file each start has a key of its own")
    func noKey() throws {
        var (settings, folder) = try Self.settings()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        settings.secrets.keyFile = nil
        let codes = try (0..<2).map { _ in try GatewayAssembly(settings).key.authenticate([1]) }
        #expect(codes[0] != codes[1])
    }
}
