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
    private let security: ClientSecurity?

    /// An address. **Throws** `badURL` for what is no http or https URL with a host, `unreachable` where the system's
    /// certificate authorities cannot be read.
    package init(_ text: String) throws(VictimError) {
        guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(),
            scheme == "http" || scheme == "https", let host = url.host, !host.isEmpty, url.user == nil,
            let port = UInt16(exactly: url.port ?? (scheme == "http" ? 80 : 443)), port > 0
        else { throw .badURL(text) }
        let name = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        endpoint = Endpoint(host: name, port: port)
        let path = url.percentEncodedPath
        target = (path.isEmpty ? "/" : path) + (url.percentEncodedQuery.map { "?" + $0 } ?? "")
        do {
            let settings = ClientSecuritySettings(serverName: name)
            security = scheme == "https" ? try ClientSecurity(settings) : nil
        } catch {
            throw .unreachable(url: text, attempts: 0, reason: "\(error)")
        }
    }

    /// A client that has not connected yet, and speaks TLS to an https URL.
    package func client(timeout: Duration = .seconds(30), answerBytesMax: Int = 64 << 20) -> HTTPClient {
        HTTPClient(endpoint, security: security, timeout: timeout, answerBytesMax: answerBytesMax)
    }
}
