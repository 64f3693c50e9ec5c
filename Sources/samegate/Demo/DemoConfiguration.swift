import Digest
import Foundation

/// The demonstration's configuration: the shipped one with its places changed, so that its policy is the default policy.
enum DemoConfiguration {
    /// The text of `path` with other addresses, bundle, log and key. Makes the key file.
    ///
    /// Whole lines are replaced, by their keys, and each must be found: a shipped file that has changed its form is an error
    /// rather than a gateway in front of something else.
    static func text(
        basedOn path: String, listen: String, admin: String, upstream: String, bundle: String, log: String,
        key: String
    ) throws -> String {
        guard let shipped = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw DemoError(
                description: "\(path) cannot be read; run from the top of a checkout, or give --config")
        }
        guard
            FileManager.default.createFile(
                atPath: key, contents: Data(try SecretBytes.random(count: 32)),
                attributes: [.posixPermissions: 0o600])
        else { throw DemoError(description: "\(key) cannot be written") }
        let places = [
            "  - address: ": listen, "  address: ": admin, "    url: ": upstream, "    bundle: ": bundle,
            "    path: logs/": log,
            "  key_file: ": key,
        ]
        var unplaced = Set(places.keys)
        let lines = shipped.split(separator: "\n", omittingEmptySubsequences: false).map { line -> String in
            guard let (prefix, value) = places.first(where: { line.hasPrefix($0.key) }) else {
                return String(line)
            }
            unplaced.remove(prefix)
            let head = prefix.hasSuffix(" ") ? prefix : "    path: "
            return head + quoted(value)
        }
        guard unplaced.isEmpty else {
            throw DemoError(description: "\(path) lacks the lines \(unplaced.sorted())")
        }
        return lines.joined(separator: "\n")
    }

    /// A YAML double-quoted scalar.
    private static func quoted(_ text: String) -> String {
        "\"" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
            + "\""
    }
}
