/// Which answers are compressed on their way to clients that accept it.
package struct CompressSettings: Sendable, Equatable {
    /// Whether any are.
    package var isEnabled: Bool
    /// The media types of those that are.
    package var types: [MediaRange]
    /// **Units** bytes; shorter answers gain nothing.
    package var bytesMin: Int
    /// How hard zlib tries.
    package var level: Int

    init(reading section: Section) {
        isEnabled = section.value(
            "enabled", .boolean, default: true, "False switches compression off where it would be inherited.")
        types = section.value(
            "types", .list(of: .mediaRange, count: 1...64),
            default: [
                MediaRange(type: "application", subtype: "json"), MediaRange(type: "text", subtype: nil),
            ],
            "The media types of answers that are compressed.")
        bytesMin = section.value(
            "min_bytes", .size(in: 0...1 << 30), default: 1 << 10,
            "Shorter answers pass as they come; those whose length is not known beforehand do not.")
        level = section.value(
            "level", .integer(in: 1...9), default: 1, "zlib's: 1 is the fastest, 9 the smallest.")
    }
}

/// A media type, or all subtypes of one: `application/json`, `text/*`.
package struct MediaRange: Sendable, Hashable, CustomStringConvertible {
    /// In lower case.
    package var type: String
    /// In lower case; nil for all.
    package var subtype: String?

    /// The range as the configuration spells it.
    package var description: String { "\(type)/\(subtype ?? "*")" }
}

extension Kind where Value == MediaRange {
    /// `type/subtype` or `type/*`.
    static var mediaRange: Kind {
        Kind(
            name: "media type", bounds: "type/subtype, or type/* for all of a type",
            sample: MediaRange(type: "text", subtype: nil), render: \.description,
            read: { reading in
                let expected = "a media type such as application/json or text/*"
                guard let text = reading.text(expected: expected) else { return nil }
                let parts = text.lowercased().split(separator: "/", omittingEmptySubsequences: false)
                guard parts.count == 2, text.utf8.count <= 128, isToken(parts[0]),
                    parts[1] == "*" || isToken(parts[1])
                else { return reading.complain("'\(excerpt(text))' is not \(expected)") }
                return MediaRange(
                    type: String(parts[0]), subtype: parts[1] == "*" ? nil : String(parts[1]))
            })
    }

    /// Letters, digits and what else stands in registered names (RFC 6838 §4.2).
    private static func isToken(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "!#$&-^_.+".contains($0)) }
    }
}
