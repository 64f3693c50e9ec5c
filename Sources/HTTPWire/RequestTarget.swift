/// A request target, kept byte for byte as it was sent, with its parts marked (RFC 9112 §3.2).
package struct RequestTarget: Sendable, Equatable {
    /// The four forms a target may have.
    package enum Form: Sendable, Equatable {
        /// `/path?query`
        case origin
        /// `http://host/path?query`
        case absolute
        /// `host:port`, with CONNECT only
        case authority
        /// `*`, with OPTIONS only
        case asterisk
    }

    /// The bytes as they were sent; forwarding never normalises them.
    package internal(set) var bytes: [UInt8] = []
    /// Which form they have.
    package internal(set) var form: Form = .origin
    /// Where the authority lies in `bytes`; empty unless the form is absolute or authority.
    package internal(set) var authorityRange: Range<Int> = 0..<0
    /// Where the path lies in `bytes`; empty for authority and asterisk, and for `http://host`.
    package internal(set) var pathRange: Range<Int> = 0..<0
    /// Where the query lies in `bytes`, without its question mark; nil when there is no question mark.
    package internal(set) var queryRange: Range<Int>?
    /// The path in the form in which routes are matched.
    package internal(set) var routePath = RoutePath.refused(.notAbsolute)

    init() {}

    /// The target that an origin-form text such as `/v1/models?x=1` denotes.
    /// **Throws** `FramingError.malformedTarget` when a byte must be percent-encoded or it does not begin with `/`.
    package init(originForm text: String) throws(FramingError) {
        var text = text
        let parsed = text.withUTF8 { bytes -> RequestTarget? in
            guard let base = bytes.baseAddress, bytes.first == 0x2F else { return nil }
            var target = RequestTarget()
            return (try? target.parse(base, bytes.count, method: .get)) == nil ? nil : target
        }
        guard let parsed else { throw .malformedTarget }
        self = parsed
    }

    /// The path as text: percent-encodings untouched, `/` when an absolute form has none.
    package var path: String {
        pathRange.isEmpty ? (form == .absolute ? "/" : "") : String(decoding: bytes[pathRange], as: UTF8.self)
    }

    /// The query as text, without its question mark.
    package var query: String? { queryRange.map { String(decoding: bytes[$0], as: UTF8.self) } }

    /// Whether neither a path nor a query is there, as in `http://host`.
    package var hasNoPath: Bool { pathRange.isEmpty && queryRange == nil }

    /// The whole target as text.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Appends the form sent to an origin server: path and query, or `*`, or the authority (RFC 9112 §3.2.1).
    package func appendOriginForm(to output: inout [UInt8]) {
        guard form == .absolute else {
            output.append(contentsOf: bytes)
            return
        }
        if pathRange.isEmpty { output.append(0x2F) }
        output.append(contentsOf: bytes[pathRange.lowerBound...])
    }
}
