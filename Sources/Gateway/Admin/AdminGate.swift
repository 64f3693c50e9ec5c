import Digest
import HTTPWire
import Transport

/// Who may change something through the side door.
///
/// With a token file whoever knows the token may, from anywhere. Without one only programs on the same machine may: a
/// request must come from a loopback address, and must not be one that a web page has made a browser send. Browsers name
/// the page in `Origin` with every request but plain GETs (Fetch §3.2) and say in `Sec-Fetch-Site` where it comes from, though
/// not to a place that they do not trust (Fetch Metadata §2), as one in clear text; a page whose own name was made to resolve
/// to this machine betrays itself by that name in `Host`.
struct AdminGate: Sendable {
    enum Verdict {
        case proceed
        case refuse(ProblemDocument)
    }

    private let token: [UInt8]?

    /// A gate that asks for `token`, or for closeness when there is none.
    init(token: [UInt8]?) { self.token = token }

    /// Whether a request that only reads comes from a web page whose own name was made to resolve to this machine.
    func isRebound(_ fields: HeaderList) -> Bool {
        guard let site = fields.value("sec-fetch-site"), site != "none" else { return false }
        return !(fields.value("host").map(Self.isOwnName) ?? false)
    }

    /// Whether the configuration may be shown: to who knows the token, and to who asks this machine by address and so is no
    /// web page.
    func mayShowConfiguration(_ fields: HeaderList) -> Bool {
        if let token, holds(token, fields) { return true }
        return fields.value("host").map(Self.isOwnName) ?? false
    }

    /// What is to be done with a request for change from `peer`.
    func judge(_ fields: HeaderList, from peer: SocketAddress) -> Verdict {
        if fields.contains("origin") || fields.contains("sec-fetch-site") {
            return refuse(403, "a web page may change nothing here")
        }
        guard let token else { return judgeByPlace(fields, peer) }
        guard holds(token, fields) else {
            return refuse(401, "send the token of admin.token_file: Authorization: Bearer TOKEN")
        }
        return .proceed
    }

    private func holds(_ token: [UInt8], _ fields: HeaderList) -> Bool {
        let given = fields.values("authorization")
        guard given.count == 1, let value = given.first, value.lowercased().hasPrefix("bearer ") else {
            return false
        }
        return SecretBytes.equal(Array(value.dropFirst(7).utf8), token)
    }

    private func judgeByPlace(_ fields: HeaderList, _ peer: SocketAddress) -> Verdict {
        guard Self.isLoopback(peer) else {
            return refuse(403, "without admin.token_file only this machine itself may change something")
        }
        guard let host = fields.value("host"), Self.isOwnName(host) else {
            return refuse(403, "Host must be an address or localhost")
        }
        return .proceed
    }

    private func refuse(_ status: Int, _ detail: String) -> Verdict {
        .refuse(ProblemDocument(status: status, detail: detail))
    }

    private static func isLoopback(_ peer: SocketAddress) -> Bool {
        let bytes = peer.networkBytes
        return bytes.count == 4 ? bytes[0] == 127 : bytes == [UInt8](repeating: 0, count: 15) + [1]
    }

    /// Whether a `Host` value is numeric, or the name that always means this machine (RFC 6761 §6.3).
    private static func isOwnName(_ value: String) -> Bool {
        let host: Substring
        if value.hasPrefix("["), let end = value.firstIndex(of: "]") {
            host = value[value.index(after: value.startIndex)..<end]
        } else {
            host = value.prefix { $0 != ":" }
        }
        return host.lowercased() == "localhost" || SocketAddress(host: String(host), port: 0) != nil
    }
}
