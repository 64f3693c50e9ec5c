import Foundation

/// What a problem document (RFC 9457) says that is the same for every problem of its kind.
struct ProblemSummary: Decodable {
    /// A URI reference that names the kind.
    var type: String?
    var title: String?

    /// Longer bodies are no problem documents.
    private static let bytesMax = 64 << 10

    /// What a body says; nil where it is no such document.
    init?(_ body: [UInt8]) {
        guard body.count <= Self.bytesMax,
            let found = try? JSONDecoder().decode(Self.self, from: Data(body)),
            found.type != nil || found.title != nil
        else { return nil }
        self = found
    }
}

/// Queries without an answer, by what was said of them: the status and, where it came with a problem document, its title and type.
struct RefusalTally {
    /// The queries of each kind, such as `403 Query refused (urn:samegate:problem:rejected)`.
    private(set) var counts: [String: Int] = [:]

    /// So many kinds are told apart; whatever comes then is ``other``.
    static let kindsMax = 16
    static let other = "other"
    private static let scalarsMax = 80

    /// Counts `rows` queries that were answered so.
    mutating func add(_ status: Int, _ body: [UInt8], rows: Int) {
        let kind = Self.kind(status, body)
        let isBeyond = counts[kind] == nil && counts.count >= Self.kindsMax
        counts[isBeyond ? Self.other : kind, default: 0] += rows
    }

    private static func kind(_ status: Int, _ body: [UInt8]) -> String {
        guard let problem = ProblemSummary(body) else { return "\(status)" }
        return ["\(status)", problem.title.map(line), problem.type.map { "(\(line($0)))" }]
            .compactMap(\.self).joined(separator: " ")
    }

    /// One line of no great length, whoever wrote it.
    private static func line(_ text: String) -> String {
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(scalarsMax) {
            let breaks =
                scalar.properties.generalCategory == .control || scalar.properties.isPatternWhitespace
            line.append(breaks ? " " : scalar)
        }
        return String(line)
    }
}
