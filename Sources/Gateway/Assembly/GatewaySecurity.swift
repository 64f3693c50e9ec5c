import Secure
import Settings

/// The TLS of every listener and upstream, which can be made anew from its files while the gateway runs.
package final class GatewaySecurity: Sendable {
    private struct Server: Sendable {
        let address: Settings.SocketAddress
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
    /// What handshakes have come to: with clients by the address of the listener, with upstreams by their names. They go on
    /// from generation to generation, whatever is read anew.
    private let listenerCounters: [String: TLSCounters]
    private let upstreamCounters: [String: TLSCounters]
    /// What puts files that were read again into effect where an earlier generation's TLS goes on.
    private let changes: [@Sendable () -> Void]

    /// Reads and checks every file; what is wrong goes to `problems`. The TLS that `earlier` has at the same address or
    /// upstream goes on with its sessions and tickets; what has changed in it waits for `commit`.
    init(
        _ settings: GatewaySettings, reusing earlier: GatewaySecurity? = nil,
        _ problems: inout [AssemblyProblem]
    ) {
        listenerCounters = Self.counters(
            settings.listeners.map { "\($0.address)" }, earlier?.listenerCounters)
        upstreamCounters = Self.counters(settings.upstreams.map(\.name), earlier?.upstreamCounters)
        var servers: [Int: Server] = [:]
        var changes: [@Sendable () -> Void] = []
        for (index, listener) in settings.listeners.enumerated() {
            guard let tls = listener.tls.map(ServerSecuritySettings.init) else { continue }
            let path = "listen[\(index)].tls"
            do throws(SecureProblems) {
                let kept = earlier?.servers.values.first { $0.address == listener.address }?.security
                if let kept { changes.append(try kept.reload(tls)) }
                let counters = listenerCounters["\(listener.address)"] ?? TLSCounters()
                let security = if let kept { kept } else { try ServerSecurity(tls, counters: counters) }
                servers[index] = Server(
                    address: listener.address, settings: tls, security: security, path: path)
            } catch {
                problems += error.at(path)
            }
        }
        var clients: [String: [Client]] = [:]
        for upstream in settings.upstreams where upstream.url.isSecure {
            let path = "upstreams.\(upstream.name).tls"
            do throws(SecureProblems) {
                clients[upstream.name] = try Self.clients(
                    of: upstream, path, earlier, upstreamCounters[upstream.name] ?? TLSCounters(), &changes)
            } catch {
                problems += error.at(path)
            }
        }
        self.servers = servers
        self.clients = clients
        self.changes = changes
    }

    /// Each server has a name of its own to be verified by, unless the settings give one for all.
    private static func clients(
        of upstream: Settings.UpstreamSettings, _ path: String, _ earlier: GatewaySecurity?,
        _ counters: TLSCounters, _ changes: inout [@Sendable () -> Void]
    ) throws(SecureProblems) -> [Client] {
        let before = earlier?.clients[upstream.name] ?? []
        var clients: [Client] = []
        for server in upstream.servers {
            let tls = ClientSecuritySettings(upstream, host: server.url.host)
            if let kept = before.first(where: { $0.settings == tls })?.security {
                changes.append(try kept.reload(tls))
                clients.append(Client(settings: tls, security: kept, path: path))
            } else {
                clients.append(
                    Client(settings: tls, security: try ClientSecurity(tls, counters: counters), path: path))
            }
        }
        return clients
    }

    private static func counters(
        _ names: [String], _ earlier: [String: TLSCounters]?
    ) -> [String: TLSCounters] {
        Dictionary(names.map { ($0, earlier?[$0] ?? TLSCounters()) }) { first, _ in first }
    }

    /// The listeners with TLS in the order of the settings, and what their handshakes have come to.
    var listenerTallies: [(name: String, counters: TLSCounters)] {
        servers.sorted { $0.key < $1.key }.map { ("\($0.value.address)", $0.value.security.counters) }
    }

    /// The upstreams with TLS by name, and what the handshakes towards all of their servers have come to.
    var upstreamTallies: [(name: String, counters: TLSCounters)] {
        clients.keys.sorted().compactMap { name in upstreamCounters[name].map { (name, $0) } }
    }

    /// Puts into effect what was read for listeners and upstreams that go on, for new connections.
    func commit() { for change in changes { change() } }

    /// The TLS of a listener; nil for clear text.
    func listener(at index: Int) -> ServerSecurity? { servers[index]?.security }

    /// The TLS towards each server of an upstream; empty for clear text.
    func servers(of upstream: Settings.UpstreamSettings) -> [ClientSecurity?] {
        clients[upstream.name]?.map(\.security) ?? []
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
