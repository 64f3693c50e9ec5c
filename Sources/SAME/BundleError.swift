/// Why a bundle or model directory is refused, or could not be written. Every case names its file.
package enum BundleError: Error, Hashable, Sendable {
    case file(FileError)
    /// The manifest is not the JSON it should be.
    case malformed(file: String, reason: String)
    case wrongFormat(file: String, found: String, expected: String)
    case unknownVersion(file: String, found: Int, supported: Int)
    case missingField(file: String, field: String)
    case unexpectedField(file: String, field: String)
    case sizeMismatch(file: String, bytes: Int, expected: Int)
    case digestMismatch(file: String)
    /// The weights do not fit the architecture that the manifest states.
    case weights(file: String, reason: String)
    /// The manifest contradicts itself.
    case inconsistent(file: String, reason: String)
    /// The output exists and is not what would be replaced.
    case occupied(path: String, noun: String, holds: [String])
    /// The output is what would be replaced, and nobody has said that it may.
    case finished(path: String, noun: String)
    /// The output is what would be replaced, and holds what is somebody else's.
    case strangers(path: String, noun: String, holds: [String])
}

extension BundleError: CustomStringConvertible {
    /// A sentence that names the file and what is wrong with it.
    package var description: String {
        switch self {
        case .file(let error): error.description
        case .malformed(let file, let reason): "\(file) is malformed: \(reason)"
        case .wrongFormat(let file, let found, let expected):
            "\(file) says its format is “\(found)”, expected “\(expected)”"
        case .unknownVersion(let file, let found, let supported):
            "\(file) has format version \(found); this program reads version \(supported)"
        case .missingField(let file, let field): "\(file) lacks “\(field)”"
        case .unexpectedField(let file, let field): "\(file) has an unknown field “\(field)”"
        case .sizeMismatch(let file, let bytes, let expected):
            "\(file) has \(bytes) bytes, the manifest says \(expected): it is truncated or another file"
        case .digestMismatch(let file): "\(file) does not have the SHA-256 that the manifest states"
        case .weights(let file, let reason): "\(file) does not fit the architecture: \(reason)"
        case .inconsistent(let file, let reason): "\(file) contradicts itself: \(reason)"
        case .occupied(let path, let noun, let names):
            "\(path) exists and is not a \(noun) written by this program"
                + (names.isEmpty ? "" : " (it holds \(Self.list(names)))")
                + "; it is left alone: give another place, or move it away"
        case .finished(let path, let noun):
            "\(path) is a finished \(noun); it is left alone: give another place, or --replace to have it replaced"
        case .strangers(let path, let noun, let names):
            "\(path) is a \(noun) that holds other things too: \(Self.list(names)). It is written as a whole, and they "
                + "would be lost: move them elsewhere"
        }
    }

    /// The first names, and how many more there are.
    private static func list(_ names: [String]) -> String {
        let rest = names.count - 5
        return names.prefix(5).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}
