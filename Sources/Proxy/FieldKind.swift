import HTTPWire

/// The fields a proxy treats specially; everything else is passed on as it came.
enum FieldKind {
    case other
    /// Concerns one connection only (RFC 9110 §7.6.1).
    case hopByHop
    case connection, contentLength, date, expect, forwarded, forwardedFor, forwardedHost, forwardedProto, host
    case realAddress, requestID, trailer, via
    /// What only the gateway may say of a client's certificate.
    case clientCertificate
    /// What back ends behind CGI-like interfaces take for another field: one of the above with `_` for `-`, and `Proxy`, which
    /// becomes the environment's `HTTP_PROXY`.
    case disguised

    /// Told apart by length first, so that most names cost one comparison or none.
    init(_ name: UnsafeBufferPointer<UInt8>) {
        self = .other
        switch name.count {
        case 2 where name.isNamed("te"): self = .hopByHop
        case 3 where name.isNamed("via"): self = .via
        case 4: if name.isNamed("host") { self = .host } else if name.isNamed("date") { self = .date }
        case 5 where name.isNamed("proxy"): self = .disguised
        case 6 where name.isNamed("expect"): self = .expect
        case 7:
            if name.isNamed("upgrade") {
                self = .hopByHop
            } else if name.isNamed("trailer") {
                self = .trailer
            }
        case 9:
            if name.isNamed("forwarded") { self = .forwarded }
            if name.isNamed("x-real-ip") { self = .realAddress }
        case 10:
            if name.isNamed("connection") { self = .connection }
            if name.isNamed("keep-alive") { self = .hopByHop }
        case 12 where name.isNamed("x-request-id"): self = .requestID
        case 14:
            if name.isNamed("content-length") { self = .contentLength }
            if name.isNamed("http2-settings") { self = .hopByHop }
        case 15 where name.isNamed("x-forwarded-for"): self = .forwardedFor
        case 16:
            if name.isNamed("x-forwarded-host") { self = .forwardedHost }
            if name.isNamed("proxy-connection") { self = .hopByHop }
        case 17:
            if name.isNamed("transfer-encoding") { self = .hopByHop }
            if name.isNamed("x-forwarded-proto") { self = .forwardedProto }
        case 18 where name.isNamed("proxy-authenticate"): self = .hopByHop
        case 19 where name.isNamed("proxy-authorization"): self = .hopByHop
        default: break
        }
        if case .other = self {
            if name.count >= 11, Self.isOfCertificate(name) { self = .clientCertificate }
        } else if name.contains(0x5F) {
            self = .disguised
        }
    }

    /// Whether a trailer of this kind is passed on: a receiver that merges trailers into its head (RFC 9110 §6.5.1) would take
    /// any other for what the gateway says there.
    var mayTrail: Bool { self == .other }

    /// `X-Client-Cert…` and the fields of RFC 9440. Back ends behind CGI-like interfaces read `_` as `-`.
    private static func isOfCertificate(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        let wanted: StaticString
        switch name[0] | 0x20 {
        case 0x78 where name.count >= 13: wanted = "x-client-cert"
        case 0x63 where name.count == 11 || name.count == 17: wanted = "client-cert"
        default: return false
        }
        for index in 0..<wanted.utf8CodeUnitCount {
            let byte = name[index] == 0x5F ? 0x2D : name[index] | 0x20
            if byte != wanted.utf8Start[index] { return false }
        }
        return true
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether these bytes are `name`, which is in lower case, in any case, `_` taken for `-`. Their counts must be equal.
    func isNamed(_ name: StaticString) -> Bool {
        let wanted = name.utf8Start
        for index in 0..<count where self[index] | 0x20 != wanted[index] | 0x20 {
            guard self[index] == 0x5F, wanted[index] == 0x2D else { return false }
        }
        return true
    }
}

/// The names that `Connection` fields list: they concern one connection, so they are not passed on.
struct ConnectionNames {
    private var names: [[UInt8]] = []

    /// Usually empty: `close` and `keep-alive` are no names of fields that are passed on anyway. `isNeeded` is false where a
    /// parser has seen nothing else.
    init(_ fields: borrowing HeaderList, isNeeded: Bool = true) {
        guard isNeeded else { return }
        var next = fields.firstIndex(of: "connection")
        while let index = next {
            fields.withValue(at: index) { add($0) }
            next = fields.firstIndex(of: "connection", from: index + 1)
        }
    }

    private mutating func add(_ value: UnsafeBufferPointer<UInt8>) {
        if value.count == 10 && value.isNamed("keep-alive") || value.count == 5 && value.isNamed("close") {
            return
        }
        for part in value.split(separator: 0x2C) {
            let name = part.filter { $0 != 0x20 && $0 != 0x09 }.map { $0 | 0x20 }
            if !name.isEmpty { names.append(name) }
        }
    }

    func contains(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        guard !names.isEmpty else { return false }
        return names.contains { listed in
            listed.count == name.count && zip(listed, name).allSatisfy { $0 == $1 | 0x20 }
        }
    }
}
