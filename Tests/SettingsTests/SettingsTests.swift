import Testing

@testable import Settings

/// A file system that has everything: paths with an extension are key files, others directories.
let fullDisk = FileProbe { path in
    switch path {
    case let path where path.contains("absent"): .missing
    case let path where path.contains("locked"): .unreadable
    case let path where path.hasSuffix("short.key"): .file(bytes: 8, mode: 0o600)
    case let path where path.hasSuffix("open.key"): .file(bytes: 32, mode: 0o644)
    case let path where path.hasSuffix(".key"): .file(bytes: 32, mode: 0o600)
    case let path where path.hasSuffix(".jsonl"): .missing
    default: .directory
    }
}

/// Loads a text as `test.yaml` in `/etc/samegate`.
func load(_ text: String, files: FileProbe = fullDisk) throws(SettingsError) -> LoadedSettings {
    try LoadedSettings(text: text, file: "test.yaml", directory: "/etc/samegate", files: files)
}

@Test("prints")
func prints() throws {
    print(SettingsReference().markdown)
    let path = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    do {
        let l = try LoadedSettings(contentsOf: "/" + path + "/Config/samegate.yaml", files: fullDisk)
        print(l.warnings.map(\.description).joined(separator: "\n"))
        for e in l.effective { print(e.path, e.value, e.given) }
    } catch { print(error) }
    do { _ = try load("listen:\n  - address: 1.2.3:99999\nlimts: 3\nroutes:\n  - nme: x\n    protect: {model: x, input: 5, modes: 7}\nupstreams:\n  a: {url: 'https://x', url: 5}\npolicies:\n  d:\n    bands:\n     - above: p97\n       verdict: rejct\n       work: {hashes: [5, 1]}\n     - above: 99%\n") } catch { print(error) }
}
