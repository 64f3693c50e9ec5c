import HTTPWire

extension Kind where Value == PathPattern {
    /// `/exact/path` or `/prefix/*`, decoded as the path of a request is; an error where no request can have such a path.
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
                guard text.contains("*") else {
                    return Self.decoded(PathSpelling(path: text, star: ""), reading).map(PathPattern.exact)
                }
                guard text.hasSuffix("/*"), text.dropLast().contains("*") == false else {
                    return reading.complain("'\(excerpt(text))': a star is only understood at the end, as /*")
                }
                let spelling = PathSpelling(path: String(text.dropLast()), star: "*")
                return Self.decoded(spelling, reading).map(PathPattern.prefix)
            })
    }

    /// The path in the form in which requests are matched; nil, with the complaint recorded, where none comes to it.
    private static func decoded(_ spelling: PathSpelling, _ reading: Reading) -> String? {
        switch RoutePath(spelling.path) {
        case .path(let path): path
        case .refused(let ambiguity):
            reading.complain(
                "'\(excerpt(spelling.path + spelling.star))' takes no request: \(spelling.advice(ambiguity))")
        }
    }
}

/// A path as a configuration spells it, and what to say of one that every request is refused for.
private struct PathSpelling {
    /// The path, without a star.
    let path: String
    /// What stood behind it: a star, or nothing.
    let star: String

    /// Why requests with such a path are refused, and what to write where that can be told.
    func advice(_ ambiguity: RoutePath.Ambiguity) -> String {
        let reason = "one whose path has \(Self.fault(ambiguity)) is refused"
        guard let better = repaired(ambiguity), case .path = RoutePath(better) else { return reason }
        return "\(reason); write \(excerpt(better + star))"
    }

    private static func fault(_ ambiguity: RoutePath.Ambiguity) -> String {
        switch ambiguity {
        case .notAbsolute: "no slash at its beginning"
        case .invalidPercentEncoding: "a % without two hexadecimal digits (%25 is a percent sign)"
        case .encodedSlash: "an encoded slash"
        case .backslash: "a backslash"
        case .controlCharacter: "a control character"
        case .doubleEncoding: "an encoded encoding"
        case .emptySegment: "an empty segment"
        case .dotSegment: "a dot segment"
        case .pathParameter: "a semicolon"
        case .invalidText: "bytes that are no UTF-8"
        }
    }

    /// The path without what is wrong with it; nil where nobody can say what was meant.
    private func repaired(_ ambiguity: RoutePath.Ambiguity) -> String? {
        switch ambiguity {
        case .encodedSlash: path.replacing("%2F", with: "/").replacing("%2f", with: "/")
        case .emptySegment: joined(segments.dropLast().filter { !$0.isEmpty } + segments.suffix(1))
        case .dotSegment: joined(withoutDots)
        case .pathParameter: joined(segments.map { Self.withoutParameters($0) })
        case .notAbsolute, .invalidPercentEncoding, .backslash, .controlCharacter, .doubleEncoding,
            .invalidText:
            nil
        }
    }

    /// What stands between the slashes; the last is empty for a path that ends in one.
    private var segments: [String] {
        path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    }

    private func joined(_ segments: [String]) -> String { "/" + segments.joined(separator: "/") }

    /// **Source** RFC 3986 §5.2.4.
    private var withoutDots: [String] {
        var kept: [String] = []
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            switch segment.lowercased().replacing("%2e", with: ".") {
            case ".": if isLast { kept.append("") }
            case "..":
                _ = kept.popLast()
                if isLast { kept.append("") }
            default: kept.append(segment)
            }
        }
        return kept
    }

    private static func withoutParameters(_ segment: String) -> String {
        let plain = segment.replacing("%3B", with: ";").replacing("%3b", with: ";")
        return String(plain.prefix { $0 != ";" })
    }
}
