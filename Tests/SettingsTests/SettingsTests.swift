import Foundation
import Testing

@testable import Settings

/// A file system that has everything: names say what stands there.
let fullDisk = FileProbe { path in
    switch path {
    case let path where path.contains("absent"): .missing
    case let path where path.contains("locked"): .unreadable
    case let path where path.hasSuffix("short.key"): .file(bytes: 8, mode: 0o600)
    case let path where path.hasSuffix("open.key"): .file(bytes: 32, mode: 0o644)
    case let path where path.hasSuffix(".key"): .file(bytes: 32, mode: 0o600)
    case let path where path.hasSuffix(".jsonl") || path.hasSuffix(".sock"): .missing
    default: .directory
    }
}

/// Loads a text as `test.yaml` in `/etc/samegate`.
func load(_ text: String, file: String = "test.yaml") throws(SettingsError) -> LoadedSettings {
    try LoadedSettings(text: text, file: file, directory: "/etc/samegate", files: fullDisk)
}

/// The problems of a text, none when it loads without warnings.
func problems(_ text: String, file: String = "test.yaml") -> [String] {
    do {
        return try load(text, file: file).warnings.map(\.description)
    } catch {
        return error.problems.map(\.description)
    }
}

/// The configurations in a folder of fixtures.
func fixtures(_ folder: String) -> [URL] {
    guard let root = Bundle.module.resourceURL?.appendingPathComponent("Fixtures/\(folder)") else {
        return []
    }
    let all = (try? FileManager.default.contentsOfDirectory(at: root, includingPropertiesForKeys: nil)) ?? []
    return all.filter { $0.pathExtension == "yaml" }.sorted { $0.lastPathComponent < $1.lastPathComponent }
}

/// A configuration that is valid, with further sections appended.
func base(_ more: String = "") -> String {
    """
    listen: [{address: 127.0.0.1:8080}]
    upstreams: {victim: {url: http://127.0.0.1:8501}}
    routes: [{name: all, path: /*, upstream: victim}]
    \(more)
    """
}

@Suite("Fixtures")
struct FixtureTests {
    @Test("every good configuration loads", arguments: fixtures("good"))
    func good(_ url: URL) throws {
        let text = try String(contentsOf: url, encoding: .utf8)
        #expect(throws: Never.self) { try load(text) }
    }

    @Test(
        "every bad configuration fails with exactly the problems listed beside it", arguments: fixtures("bad")
    )
    func bad(_ url: URL) throws {
        let text = try String(contentsOf: url, encoding: .utf8)
        let list = url.deletingPathExtension().appendingPathExtension("txt")
        let expected = try String(contentsOf: list, encoding: .utf8)
        #expect(throws: SettingsError.self) { try load(text) }
        let found = problems(text, file: url.lastPathComponent)
        #expect(found == expected.split(separator: "\n").map(String.init))
    }

    @Test("there are fixtures of both kinds")
    func count() {
        #expect(fixtures("good").count >= 6)
        #expect(fixtures("bad").count >= 15)
    }
}
