/// A content coding that can be undone and made here.
///
/// **Source** RFC 9110 §8.4.1. `compress` (LZW) is as good as extinct, and `br` and `zstd` need libraries of their own.
package enum ContentCoding: String, Sendable, CaseIterable {
    /// RFC 1952; one or several members.
    case gzip
    /// RFC 1950 around RFC 1951. Bare RFC 1951 is read too, as every browser reads it, because of the many senders that
    /// took the name at its word; what is written is always wrapped.
    case deflate

    /// The coding's registered name.
    package var name: String { rawValue }

    /// What `Accept-Encoding` offers to a sender of request bodies (RFC 9110 §12.5.3).
    package static let offered = "gzip, deflate"

    /// The coding of this name in any case, with `x-gzip` for `gzip` (RFC 9110 §8.4.1.3); nil for any other.
    package init?(_ name: some StringProtocol) {
        switch name.lowercased() {
        case "gzip", "x-gzip": self = .gzip
        case "deflate": self = .deflate
        default: return nil
        }
    }

    /// Reads the lines of a `Content-Encoding` field (RFC 9110 §8.4): what was applied, in order, `identity` left out.
    ///
    /// **Throws** `unknownCoding` for one that cannot be undone here, `tooManyCodings` for more than `codingsMax`.
    package static func applied(
        _ lines: [String], codingsMax: Int
    ) throws(CodingError) -> [ContentCoding] {
        var applied: [ContentCoding] = []
        for name in lines.lazy.flatMap({ $0.split(separator: ",") }) {
            let name = name.trimmed
            guard !name.isEmpty, name.lowercased() != "identity" else { continue }
            guard let coding = ContentCoding(name) else { throw .unknownCoding(String(name.prefix(32))) }
            guard applied.count < codingsMax else { throw .tooManyCodings(codingsMax) }
            applied.append(coding)
        }
        return applied
    }
}

extension Substring {
    /// The text without spaces and tabs at its ends.
    var trimmed: Substring {
        let start = drop { $0 == " " || $0 == "\t" }
        guard let end = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
        return start[...end]
    }
}
