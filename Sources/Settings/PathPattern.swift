/// The request paths a route takes: one path exactly, or all that begin with a prefix.
package enum PathPattern: Sendable, Hashable, CustomStringConvertible {
    /// This path and no other.
    case exact(String)
    /// Every path that begins so; the prefix ends in a slash, and `/` takes everything.
    case prefix(String)

    /// Whether a request's path (without query) is taken.
    package func matches(_ path: String) -> Bool {
        switch self {
        case .exact(let own): return own == path
        // By bytes: a combining character behind the slash would make it another character to `hasPrefix`.
        case .prefix(let prefix):
            guard prefix.utf8.count > 1 else { return path.utf8.first == prefix.utf8.first }
            return path.utf8.starts(with: prefix.utf8)
        }
    }

    /// Whether every path that `other` takes is taken here too.
    package func covers(_ other: PathPattern) -> Bool {
        switch other {
        case .exact(let path): matches(path)
        case .prefix(let prefix): if case .prefix(let own) = self { prefix.hasPrefix(own) } else { false }
        }
    }

    /// The pattern as the configuration spells it.
    package var description: String {
        switch self {
        case .exact(let path): path
        case .prefix(let prefix): prefix + "*"
        }
    }
}

extension Kind where Value == PathPattern {
    /// `/exact/path` or `/prefix/*`.
    static var pathPattern: Kind {
        Kind(
            name: "path pattern", bounds: "/exact/path, or /prefix/* for all below", sample: .exact(""),
            render: \.description,
            read: { reading in
                let expected = "a path such as /v1/models/m:predict, or /v1/* for all below"
                guard let text = reading.text(expected: expected) else { return nil }
                guard text.hasPrefix("/"), text.utf8.count <= 1024,
                    text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"?#".utf8.contains($0) })
                else {
                    return reading.complain(
                        "'\(excerpt(text))' is not \(expected); it begins with a slash and has no query")
                }
                guard text.contains("*") else { return .exact(text) }
                guard text.hasSuffix("/*"), text.dropLast().contains("*") == false else {
                    return reading.complain("'\(excerpt(text))': a star is only understood at the end, as /*")
                }
                return .prefix(String(text.dropLast()))
            })
    }
}
