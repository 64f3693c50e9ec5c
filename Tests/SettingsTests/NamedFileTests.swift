import Foundation
import TestSupport
import Testing

@testable import Settings

@Suite("Files that a configuration names")
struct NamedFileTests {
    private let folder: ScratchFolder

    init() throws {
        folder = try ScratchFolder()
    }

    private func problems(_ more: String, judge: NamedFileJudge) -> [String] {
        do {
            let loaded = try LoadedSettings(
                text: base(more), file: "test.yaml", directory: "/etc/samegate", files: fullDisk, judge: judge
            )
            return loaded.warnings.map(\.description)
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test("what a broken bundle is refused for is told with the file's own mistakes, each at its line")
    func together() {
        let models = "models:\n  good: {bundle: good}\n  bad: {bundle: bad}\n  gone: {bundle: absent}\n"
        let found = problems(models + "limits: {connections: none}") { key, file in
            key.hasSuffix(".bundle") && file != "/etc/samegate/good" ? "\(file): broken" : nil
        }
        let errors = found.filter { $0.contains(": error: ") }
        #expect(errors.count == 3)
        #expect(
            errors.first == "test.yaml:6:17: error: models.bad.bundle: /etc/samegate/bad: broken")
        #expect(errors.dropFirst().first?.contains("there is no directory /etc/samegate/absent") == true)
        #expect(errors.last?.contains("limits.connections") == true)
    }

    @Test("a sound file's bundles are left to whoever loads them, so that none is read twice")
    func sound() {
        let found = problems("models: {m: {bundle: bundle}}") { _, _ in "asked" }
        #expect(!found.contains { $0.contains("asked") || $0.contains(": error: ") })
    }

    @Test("a log, a file of the process id or a socket where no file can be is refused with the reason")
    func impossible() throws {
        let file = folder.path + "/file"
        try Data().write(to: URL(fileURLWithPath: file))
        for (link, target) in [("one", "two"), ("two", "one"), ("device", "/dev/null"), ("free", "later")] {
            try FileManager.default.createSymbolicLink(
                atPath: folder.path + "/" + link, withDestinationPath: target)
        }
        let long = String(repeating: "x", count: 300)
        for (path, reason) in [
            ("/proc/x/decisions.log", "no file can be made in /proc, which is the kernel's"),
            ("\(file)/deep/er/log", "\(file) is no directory"),
            ("\(folder.path)/one", "lead in a circle"),
            ("\(folder.path)/\(long)", "one of its names is too long"),
        ] {
            let text = base("logs: {decisions: {path: \(path)}}")
            let error = #expect(throws: SettingsError.self) {
                try LoadedSettings(text: text, file: "test.yaml", directory: folder.path)
            }
            let problem = error?.problems.first { $0.severity == .error }
            #expect(problem?.path == "logs.decisions.path" && problem?.line == 4)
            #expect(problem?.message.contains(reason) == true, "\(path)")
        }
        for path in [file, "\(folder.path)/new/log", "/dev/null", "device", "free"] {
            let text = base("logs: {decisions: {path: \(path)}}")
            #expect(throws: Never.self) {
                try LoadedSettings(text: text, file: "test.yaml", directory: folder.path)
            }
        }
    }
}
