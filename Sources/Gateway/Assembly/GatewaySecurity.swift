import Secure
import Settings

/// The TLS of every listener and upstream, which can be made anew from its files while the gateway runs.
package final class GatewaySecurity: Sendable {
    private struct Server: Sendable {
        let settings: ServerSecuritySettings
        let security: ServerSecurity
        let path: String
    }
    private struct Client: Sendable {
        let settings: ClientSecuritySettings
        let security: ClientSecurity
        let path: String
    }

    /// By the listener's place in the settings.
    private let servers: [Int: Server]
    /// By the upstream's name, one for each of its servers.
    private let clients: [String: [Client]]

    /// Reads and checks every file; what is wrong goes to `problems`.
    init(_ settings: GatewaySettings, _ problems: inout [AssemblyProblem]) {
        var servers: [Int: Server] = [:]
        for (index, listener) in settings.listeners.enumerated() {
            guard let tls = listener.tls.map(ServerSecuritySettings.init) else { continue }
            let path = "listen[\(index)].tls"
            do throws(SecureProblems) {
                servers[index] = Server(settings: tls, security: try ServerSecurity(tls), path: path)
            } catch {
                problems += error.at(path)
            }
        }
        var clients: [String: [Client]] = [:]
        for upstream in settings.upstreams where upstream.url.isSecure {
            let path = "upstreams.\(upstream.name).tls"
            do throws(SecureProblems) {
                clients[upstream.name] = try Self.clients(of: upstream, path)
            } catch {
                problems += error.at(path)
            }
        }
        self.servers = servers
        self.clients = clients
    }

    /// Each server has a name of its own to be verified by, unless the settings give one for all.
    private static func clients(
        of upstream: Settings.UpstreamSettings, _ path: String
    ) throws(SecureProblems) -> [Client] {
        var clients: [Client] = []
        for server in upstream.servers {
            let tls = ClientSecuritySettings(upstream, host: server.url.host)
            clients.append(Client(settings: tls, security: try ClientSecurity(tls), path: path))
        }
        return clients
    }

    /// The TLS of a listener; nil for clear text.
    func listener(at index: Int) -> ServerSecurity? { servers[index]?.security }

    /// The TLS towards each server of an upstream; empty for clear text.
    func servers(of upstream: Settings.UpstreamSettings) -> [ClientSecurity?] {
        clients[upstream.name]?.map(\.security) ?? []
    }

    /// Reads every certificate, key and authority file again and puts them into effect together for new connections; no
    /// open connection notices. **Throws** every problem at once, and changes nothing then.
    package func reload() throws(AssemblyError) {
        var problems: [AssemblyProblem] = []
        var changes: [@Sendable () -> Void] = []
        for server in servers.values {
            do throws(SecureProblems) { changes.append(try server.security.reload(server.settings)) } catch {
                problems += error.at(server.path)
            }
        }
        for client in clients.values.joined() {
            do throws(SecureProblems) { changes.append(try client.security.reload(client.settings)) } catch {
                problems += error.at(client.path)
            }
        }
        guard problems.isEmpty else { throw AssemblyError(problems: problems.sorted { $0.path < $1.path }) }
        for change in changes { change() }
    }
}

extension SecureProblems {
    fileprivate func at(_ path: String) -> [AssemblyProblem] {
        all.map {
            AssemblyProblem(path: $0.path.isEmpty ? path : "\(path).\($0.path)", message: "\($0.error)")
        }
    }
}

extension ServerSecuritySettings {
    init(_ tls: ListenerTLSSettings) {
        self.init(
            certificates: tls.certificates.map { Pair(certificateFile: $0.certificate, keyFile: $0.key) })
        profile.leastVersion = TLSVersion(tls.leastVersion)
        profile.ciphers = tls.ciphers ?? profile.ciphers
        profile.groups = tls.groups ?? profile.groups
        clientCertificates =
            switch tls.clientCertificates {
            case .none: .none
            case .optional: .optional
            case .required: .required
            }
        clientAuthorityFile = tls.clientAuthority
        handshakeTimeout = tls.handshakeTimeout
        sessionLifetime = tls.sessionLifetime
    }
}

extension ClientSecuritySettings {
    init(_ upstream: Settings.UpstreamSettings, host: String) {
        self.init(serverName: upstream.tls?.serverName ?? host)
        guard let tls = upstream.tls else { return }
        profile.leastVersion = TLSVersion(tls.leastVersion)
        authorityFile = tls.authority
        isVerified = tls.isVerified
        if let file = tls.certificate, let key = tls.key {
            certificate = ServerSecuritySettings.Pair(certificateFile: file, keyFile: key)
        }
    }
}

extension TLSVersion {
    init(_ version: LeastTLSVersion) {
        switch version {
        case .v12: self = .v12
        case .v13: self = .v13
        }
    }
}
