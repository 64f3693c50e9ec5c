import Foundation
import Testing

@testable import Settings

@Suite("What an operator sets")
struct OperationSettingsTests {
    @Test("the side door listens at an address, at a socket, or at both")
    func sideDoor() throws {
        let address = try #require(load(base("admin: {address: 127.0.0.1:9090}")).settings.admin)
        #expect(address.address?.port == 9090 && address.socket == nil)
        let socket = try #require(
            load(base("admin: {socket: run/admin.sock, socket_mode: 0660}")).settings.admin)
        #expect(socket.address == nil && socket.socket == "/etc/samegate/run/admin.sock")
        #expect(socket.socketMode == 0o660)
        let both = try #require(
            load(base("admin: {address: 127.0.0.1:9090, socket: /run/admin.sock}")).settings.admin)
        #expect(both.address != nil && both.socket == "/run/admin.sock" && both.socketMode == 0o600)
    }

    @Test(
        "a side door that is nowhere, a path too long for a socket and a mode that is none are refused",
        arguments: [
            ("{token_file: some.key}", "needs an address, a socket, or both"),
            ("{socket: /run/\(String(repeating: "x", count: 110)).sock}", "a socket's path may have 107"),
            ("{socket: /run/taken.key}", "is a file that is no socket"),
            ("{socket: /run/a, socket_mode: 0888}", "is not a file mode"),
            ("{socket: /run/a, socket_mode: 7777}", "is not a file mode"),
            ("{socket: /run/a, socket_mode: rw}", "is not a file mode"),
            ("{socket: /run/a, socket_mode: 6}", "is not a file mode"),
        ])
    func refusedSideDoor(section: String, complaint: String) {
        #expect(problems(base("admin: \(section)")).contains { $0.contains(complaint) })
    }

    @Test(
        "two addresses of which the system would refuse one are refused, whichever comes first",
        arguments: [
            ("0.0.0.0:80", "127.0.0.1:80", true), ("127.0.0.1:80", "0.0.0.0:80", true),
            ("[::]:80", "[::1]:80", true), ("[::1]:80", "[0:0:0:0:0:0:0:1]:80", true),
            ("[::0]:80", "[::]:80", true), ("0.0.0.0:80", "127.0.0.1:81", false),
            ("0.0.0.0:80", "[::]:80", false), ("127.0.0.1:80", "127.0.0.2:80", false),
        ])
    func clashes(first: String, second: String, isRefused: Bool) {
        func complaints(_ listeners: [String], _ more: String = "") -> [String] {
            let list = listeners.map { "{address: \"\($0)\"}" }.joined(separator: ", ")
            return problems(
                """
                listen: [\(list)]
                upstreams: {victim: {url: http://127.0.0.1:8501}}
                routes: [{name: all, path: /*, upstream: victim}]
                \(more)
                """
            ).filter { $0.contains("error") }
        }
        let beside = complaints([first, second])
        #expect(beside.isEmpty != isRefused, "\(beside)")
        #expect(beside.allSatisfy { $0.contains("listen[1].address: ") && $0.contains("of listen[0]") })
        let side = complaints([first], "admin: {address: \"\(second)\"}")
        #expect(side.isEmpty != isRefused, "\(side)")
        #expect(side.allSatisfy { $0.contains("admin.address: ") && $0.contains("of listen[0]") })
    }

    @Test("answers are retried for the statuses that are listed, and only some may be")
    func retryOn() throws {
        func upstream(_ list: String) -> String {
            """
            listen: [{address: 127.0.0.1:8080}]
            upstreams: {victim: {url: http://127.0.0.1:8501\(list)}}
            routes: [{name: all, path: /*, upstream: victim}]
            """
        }
        #expect(try load(upstream("")).settings.upstreams[0].retryOn.isEmpty)
        #expect(try load(upstream(", retry_on: [502, 429]")).settings.upstreams[0].retryOn == [502, 429])
        for wrong in ["[200]", "[501]", "503", "[503, x]", "[502, 503, 504, 500, 429, 429]"] {
            #expect(throws: SettingsError.self, "\(wrong)") { _ = try load(upstream(", retry_on: \(wrong)")) }
        }
    }

    @Test("rows, waits and deadlines of scoring are as given, to the microsecond")
    func scoring() throws {
        let none = try load(base()).settings.scoring
        #expect(none.batch == .automatic && none.batchWait == .zero && none.deadline == .zero)
        let some = try load(base("scoring: {batch: 16, batch_wait: 500us, deadline: 250ms}")).settings.scoring
        #expect(some.batch == .exactly(16) && some.batchWait == .microseconds(500))
        #expect(some.deadline == .milliseconds(250))
        #expect(try load(base("scoring: {batch: auto}")).settings.scoring.batch == .automatic)
        let effective = try load(base("scoring: {batch_wait: 1500us}")).effective
        #expect(effective.first { $0.path == "scoring.batch_wait" }?.value == "1500us")
    }

    @Test(
        "what is out of bounds, or has no unit, is refused",
        arguments: [
            "batch: 0", "batch: 5000", "batch: many", "batch_wait: 2s", "batch_wait: 500",
            "batch_wait: 1.5us",
            "deadline: 2h", "deadline: -1ms", "batch_wait: 5 us us",
        ])
    func refusedScoring(keys: String) {
        #expect(throws: SettingsError.self) { _ = try load(base("scoring: {\(keys)}")) }
    }
}

@Suite("Limits.md")
struct LimitsDocumentTests {
    private static let top = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: top.appendingPathComponent(path), encoding: .utf8)
    }

    private static let page = "Sources/samegate/Samegate.docc/Limits.md"

    @Test("every key of limits, and every bound of an upstream, stands in the document and in the example")
    func complete() throws {
        let page = try Self.text(Self.page)
        let example = try Self.text("Config/samegate.yaml")
        for key in LimitsSettings.keys.map(\.name) {
            #expect(page.contains("`limits.\(key)`"), "Limits.md lacks limits.\(key)")
            #expect(example.contains("  \(key): "), "Config/samegate.yaml lacks limits.\(key)")
        }
        let prefix = "upstreams.<name>."
        let bounds = SettingsReference().entries.filter {
            $0.path.hasPrefix(prefix) && ["integer", "duration", "size"].contains($0.type)
                && !$0.path.dropFirst(prefix.count).contains(".") && !$0.path.contains("[")
        }
        #expect(bounds.count > 10)
        for key in bounds.map({ $0.path.dropFirst(prefix.count) }) {
            #expect(page.contains("`upstreams.*.\(key)`"), "Limits.md lacks upstreams.*.\(key)")
            #expect(example.contains("\(key): "), "Config/samegate.yaml lacks upstreams.*.\(key)")
        }
    }

    @Test("every key that the document names exists")
    func real() throws {
        let known = Set(
            SettingsReference().entries.map { $0.path.replacing(".<name>", with: ".*") })
        let named = try Self.text(Self.page).matches(
            of: /`((?:limits|upstreams|withheld|scoring|listen|routes|logs|policies)[.\[][^`]*)`/)
        #expect(named.count > 40)
        for match in named {
            let key = String(match.1)
            let isKnown = known.contains(key) || known.contains { Self.matches($0, key) }
            #expect(isKnown, "Limits.md names \(key), which is no key")
        }
    }

    /// Whether a path of the reference is what `logs.*.buffer` means.
    private static func matches(_ path: String, _ pattern: String) -> Bool {
        let parts = (path.split(separator: "."), pattern.split(separator: "."))
        return parts.0.count == parts.1.count && zip(parts.0, parts.1).allSatisfy { $0 == $1 || $1 == "*" }
    }
}

@Suite("Files that hold no configuration")
struct UnreadableFileTests {
    @Test("each is refused in words that say what is wrong with it")
    func words() throws {
        let folder = NSTemporaryDirectory() + "samegate-files-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let cases: [(name: String, bytes: [UInt8]?, words: String)] = [
            ("empty", [], "is empty"), ("binary", [0xFF, 0xFE, 0], "is not UTF-8 text"),
            ("missing", nil, "cannot be opened"), ("list", Array("- 1\n".utf8), "expected a mapping"),
            ("deep", [UInt8](repeating: 0x5B, count: 100_000), "is not YAML"),
            ("long", [UInt8](repeating: 0x23, count: 300_000), "is longer than"),
            ("open", Array("listen: [".utf8), "is not YAML"),
        ]
        for (name, bytes, words) in cases {
            let path = folder + "/" + name
            if let bytes { try Data(bytes).write(to: URL(fileURLWithPath: path)) }
            let error = #expect(throws: SettingsError.self, "\(name)") {
                _ = try LoadedSettings(contentsOf: path)
            }
            #expect(error?.description.contains(words) == true, "\(name): \(error?.description ?? "")")
        }
        let error = #expect(throws: SettingsError.self) { _ = try LoadedSettings(contentsOf: folder) }
        #expect(error?.description.contains("is a directory") == true)
    }
}
