/// The request paths a route takes: one path exactly, or all that begin with a prefix. Both are decoded, as the paths are that
/// they are held against.
package enum PathPattern: Sendable, Hashable, CustomStringConvertible {
    /// This path and no other.
    case exact(String)
    /// Every path that begins so; the prefix ends in a slash, and `/` takes everything.
    case prefix(String)

    /// Whether a request's decoded path (without query) is taken.
    package func matches(_ path: String) -> Bool {
        switch self {
        // By bytes: other bytes of the same characters are another path, and a combining character behind the slash would make
        // it another character to `hasPrefix`.
        case .exact(let own): return own == path && own.utf8.elementsEqual(path.utf8)
        case .prefix(let prefix):
            guard prefix.utf8.count > 1 else { return path.utf8.first == prefix.utf8.first }
            return path.utf8.starts(with: prefix.utf8)
        }
    }

    /// Whether every path that `other` takes is taken here too.
    package func covers(_ other: PathPattern) -> Bool {
        switch other {
        case .exact(let path): matches(path)
        case .prefix(let prefix):
            if case .prefix(let own) = self { prefix.utf8.starts(with: own.utf8) } else { false }
        }
    }

    /// The pattern as a configuration may spell it.
    package var description: String {
        switch self {
        case .exact(let path): Self.spelling(of: path)
        case .prefix(let prefix): Self.spelling(of: prefix) + "*"
        }
    }

    /// What is read as `path`: bytes that mean something else in a pattern, or cannot stand there, are encoded.
    private static func spelling(of path: String) -> String {
        path.utf8.reduce(into: "") { text, byte in
            let isPlain = byte > 0x20 && byte < 0x7F && !"?#%*".utf8.contains(byte)
            text += isPlain ? String(UnicodeScalar(byte)) : "%" + String(byte, radix: 16, uppercase: true)
        }
    }
}
