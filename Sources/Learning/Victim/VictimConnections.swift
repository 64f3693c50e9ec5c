import Client
import Dispatch
import Foundation
import HTTPWire
import Secure
import Synchronization
import Transport

/// Kept-alive connections to a victim's endpoint: as many as there are requests under way at once.
final class VictimConnections: Sendable {
    /// A client that one thread at a time has.
    ///
    /// `@unchecked Sendable` because: whoever has taken it out of `idle` has it alone, but for the interruption.
    private final class Lent: @unchecked Sendable {
        let client: HTTPClient
        let interruption: Interruption

        init(_ client: HTTPClient) {
            self.client = client
            interruption = client.interruption
        }
    }

    private let endpoint: Endpoint
    private let target: String
    private let fields: HeaderList
    private let security: ClientSecurity?
    private let timeout: Duration
    private let answerBytesMax: Int
    private let idle = Mutex<[Lent]>([])
    private let queue = DispatchQueue(label: "samegate.victim", attributes: .concurrent)

    /// None yet. **Throws** `badURL` for what is no http or https URL with a host, and where the system's certificate
    /// authorities cannot be read.
    init(_ text: String, timeout: Duration, answerBytesMax: Int) throws(VictimError) {
        guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(),
            scheme == "http" || scheme == "https", let host = url.host, !host.isEmpty, url.user == nil,
            let port = UInt16(exactly: url.port ?? (scheme == "http" ? 80 : 443)), port > 0
        else { throw .badURL(text) }
        let name = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        endpoint = Endpoint(host: name, port: port)
        let path = url.percentEncodedPath
        target = (path.isEmpty ? "/" : path) + (url.percentEncodedQuery.map { "?" + $0 } ?? "")
        self.timeout = timeout
        self.answerBytesMax = answerBytesMax
        do {
            fields = try HeaderList(["Content-Type": "application/json"])
            let settings = ClientSecuritySettings(serverName: name)
            security = scheme == "https" ? try ClientSecurity(settings) : nil
        } catch {
            throw .unreachable(url: text, attempts: 0, reason: "\(error)")
        }
    }

    /// Posts a body and waits for the whole answer, however many others are under way.
    /// **Throws** `ClientError`, also where the task is cancelled.
    func post(_ body: [UInt8]) async throws -> (status: Int, body: [UInt8]) {
        let lent = idle.withLock { $0.popLast() } ?? made()
        let response = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                queue.async { @Sendable [self] in
                    continuation.resume(
                        with: Result {
                            // Asking twice changes nothing at a victim.
                            try lent.client.send(.post, target, fields: fields, body: body, repeatable: true)
                        })
                }
            }
        } onCancel: {
            lent.interruption.raise()
        }
        if !lent.interruption.isRaised { idle.withLock { $0.append(lent) } }
        return (response.status, response.body)
    }

    private func made() -> Lent {
        Lent(HTTPClient(endpoint, security: security, timeout: timeout, answerBytesMax: answerBytesMax))
    }
}
