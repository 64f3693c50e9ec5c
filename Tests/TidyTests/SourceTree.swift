import Foundation

/// The sources of this package as text, for checks that no compiler makes.
struct SourceTree {
    /// One Swift file.
    struct File {
        /// From the package's root: `Sources/Settings/Section.swift`.
        let path: String
        let lines: [String]

        /// The target the file belongs to.
        var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
        var isTest: Bool { path.hasPrefix("Tests/") }
    }

    let root: URL
    let files: [File]

    /// The package this file is part of.
    init() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        try self.init(root: root.deletingLastPathComponent())
    }

    init(root: URL) throws {
        self.root = root
        files = try ["Sources", "Tests"].flatMap { try SourceTree.paths(in: root, $0) }.sorted().map { path in
            let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
            return File(
                path: path,
                lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        }
    }

    /// The text of a file that is not Swift source.
    func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    private static func paths(in root: URL, _ folder: String) throws -> [String] {
        let names = try FileManager.default.subpathsOfDirectory(
            atPath: root.appendingPathComponent(folder).path)
        return names.filter { $0.hasSuffix(".swift") && !$0.contains("/Fixtures/") }.map { "\(folder)/\($0)" }
    }
}

extension String {
    /// The line without what stands in quotes and behind `//`, so that braces and words in them do not count.
    var code: String {
        var code = ""
        var isQuoted = false
        var isEscaped = false
        var previous: Character = " "
        for character in self {
            if isQuoted {
                if character == "\"", !isEscaped { isQuoted = false }
                isEscaped = character == "\\" && !isEscaped
            } else if character == "\"" {
                isQuoted = true
            } else if character == "/", previous == "/" {
                code.removeLast()
                break
            } else {
                code.append(character)
            }
            previous = character
        }
        return code
    }

    var trimmed: String { trimmingCharacters(in: .whitespaces) }
}
