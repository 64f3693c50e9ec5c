import Client
import Foundation
import Secure
import Transport

/// Where a victim is asked: an http or https URL, taken apart.
package struct VictimURL: Sendable {
    /// The machine and port.
    package let endpoint: Endpoint
    /// The path and query.
    package let target: String
    /// The address in one spelling: scheme and host in lower case, no port that goes without saying, no dot after the host, a
    /// path, no fragment. **Source** RFC 3986 §6.2.2.1, §6.2.3.
    package let canonical: String
    private let security: ClientSecurity?

    /// An address. **Throws** `badURL` for what is no http or https URL with a host, `unreachable` where the system's
    /// certificate authorities cannot be read.
    package init(_ text: String) throws(VictimError) {
        guard let parts = Parts(text) else { throw .badURL(text) }
        endpoint = Endpoint(host: parts.host, port: parts.port)
        (target, canonical) = (parts.target, parts.canonical)
        do {
            let settings = ClientSecuritySettings(serverName: parts.host)
            security = parts.scheme == "https" ? try ClientSecurity(settings) : nil
        } catch {
            throw .unreachable(url: text, attempts: 0, reason: "\(error)")
        }
    }

    /// The one spelling of an address, or what was given where that is none.
    static func canonical(_ text: String) -> String { Parts(text)?.canonical ?? text }

    /// A client that has not connected yet, and speaks TLS to an https URL.
    package func client(timeout: Duration = .seconds(30), answerBytesMax: Int = 64 << 20) -> HTTPClient {
        HTTPClient(endpoint, security: security, timeout: timeout, answerBytesMax: answerBytesMax)
    }

    /// What an address is made of.
    private struct Parts {
        let scheme: String
        let host: String
        let port: UInt16
        let target: String

        /// Nil for what is no http or https URL with a host.
        init?(_ text: String) {
            guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(),
                scheme == "http" || scheme == "https", let host = url.host, !host.isEmpty, url.user == nil,
                let port = UInt16(exactly: url.port ?? Int(Self.usualPort(scheme))), port > 0
            else { return nil }
            self.scheme = scheme
            self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
            self.port = port
            let path = url.percentEncodedPath
            target = (path.isEmpty ? "/" : path) + (url.percentEncodedQuery.map { "?" + $0 } ?? "")
        }

        var canonical: String {
            var name = host.lowercased()
            if name.hasSuffix("."), name.count > 1 { name.removeLast() }
            if name.contains(":") { name = "[\(name)]" }
            return "\(scheme)://\(name)\(port == Self.usualPort(scheme) ? "" : ":\(port)")\(target)"
        }

        private static func usualPort(_ scheme: String) -> UInt16 { scheme == "http" ? 80 : 443 }
    }
}
