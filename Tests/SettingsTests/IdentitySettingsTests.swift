import Foundation
import Testing

@testable import Settings

@Suite("Identity")
struct IdentitySettingsTests {
    @Test("the fixture means what it says")
    func fixture() throws {
        let url = try #require(fixtures("good").first { $0.lastPathComponent == "identity.yaml" })
        let settings = try load(String(contentsOf: url, encoding: .utf8)).settings
        let identity = try #require(settings.identity)
        #expect(identity.apiKeys == "/etc/samegate/clients.key" && identity.apiKeyHeader == "X-Lab-Key")
        let tokens = try #require(identity.jwt)
        #expect(tokens.jwks == "/etc/samegate/tokens.key" && tokens.leeway == .seconds(5))
        #expect(tokens.issuers == ["https://a", "https://b"] && tokens.audiences == ["samegate"])
        #expect(settings.routes.map(\.authenticate) == [.required, .optional])
    }

    @Test("a file of keys that others can change is a warning, and so is an identity that no route uses")
    func warnings() {
        let disk = FileProbe { $0.hasSuffix("keys") ? .file(bytes: 100, mode: 0o666) : .directory }
        let loaded = try? LoadedSettings(
            text: base("identity: {api_keys: keys}"), file: "test.yaml", directory: "/etc/samegate",
            files: disk)
        let found = (loaded?.warnings ?? []).map(\.description)
        #expect(found.contains { $0.contains("identity.api_keys: can be changed by other users") })
        #expect(found.contains { $0.contains("identity: is not used by any route") })
    }

    @Test("what the example's comments spell out as defaults are the defaults")
    func example() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let text = try String(
            contentsOf: root.appendingPathComponent("Config/samegate.yaml"), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let first = try #require(lines.firstIndex { $0.hasPrefix("# identity:") })
        let section = lines[first...].prefix { $0.hasPrefix("#") }.map { $0.dropFirst(2) }.joined(
            separator: "\n")
        let bare = "identity: {api_keys: a.key, jwt: {jwks: a.key}}"
        let files = FileProbe { _ in .file(bytes: 100, mode: 0o600) }
        func identity(_ section: String) throws -> IdentitySettings? {
            try LoadedSettings(text: base(section), file: "x.yaml", directory: "/etc", files: files).settings
                .identity
        }
        let (shown, short) = (try #require(try identity(section)), try #require(try identity(bare)))
        #expect(shown.apiKeyHeader == short.apiKeyHeader && shown.jwt?.leeway == short.jwt?.leeway)
        #expect(shown.apiKeys == "/etc/keys" && shown.jwt?.jwks == "/etc/jwks.json")
    }
}
