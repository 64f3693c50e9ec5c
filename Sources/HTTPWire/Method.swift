/// A request method; the registered ones compare in one instruction.
package enum Method: Sendable, Hashable {
    case get, head, post, put, delete, connect, options, trace, patch
    /// Any other token, in its own (significant) case.
    case other(String)

    /// Whether a repeated request has the effect of one (RFC 9110 §9.2.2), so that it may be retried.
    package var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options, .trace: true
        case .post, .connect, .patch, .other: false
        }
    }

    /// Whether it asks for a head alone (RFC 9110 §9.3.2).
    @inlinable package var isHead: Bool { if case .head = self { true } else { false } }

    /// Whether the method only reads (RFC 9110 §9.2.1).
    package var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace: true
        default: false
        }
    }

    /// The method as it stands on the wire.
    package var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .connect: "CONNECT"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .patch: "PATCH"
        case .other(let name): name
        }
    }

    /// The method named by `name`, exactly as spelt: `get` is not `GET`. Nil when it is not a token.
    package init?(_ name: String) {
        var name = name
        let known = name.withUTF8 { Method(token: $0) }
        guard let known else { return nil }
        self = known
    }

    /// The method whose token is `bytes`; nil when they are no token.
    init?(token bytes: UnsafeBufferPointer<UInt8>) {
        guard let base = bytes.baseAddress, !bytes.isEmpty,
            Bytes.tokenLength(base, bytes.count) == bytes.count
        else {
            return nil
        }
        switch bytes.count {
        case 3 where Bytes.equal(base, "GET"): self = .get
        case 3 where Bytes.equal(base, "PUT"): self = .put
        case 4 where Bytes.equal(base, "POST"): self = .post
        case 4 where Bytes.equal(base, "HEAD"): self = .head
        case 5 where Bytes.equal(base, "PATCH"): self = .patch
        case 5 where Bytes.equal(base, "TRACE"): self = .trace
        case 6 where Bytes.equal(base, "DELETE"): self = .delete
        case 7 where Bytes.equal(base, "OPTIONS"): self = .options
        case 7 where Bytes.equal(base, "CONNECT"): self = .connect
        default: self = .other(String(decoding: bytes, as: UTF8.self))
        }
    }
}
