import Secure
import Settings

/// The TLS of every listener and upstream, which can be made anew from its files while the gateway runs.
package final class GatewaySecurity: Sendable {
    private struct Server: Sendable {
        let address: Settings.SocketAddress
        let settings: ServerSecuritySettings
        let security: ServerSecurity
        let ends: [CertificateEnd]
    }
    private struct Client: Sendable {
        let settings: ClientSecuritySettings
        let security: ClientSecurity
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
    private let changes: [SecurityChange]
    /// What is doubtful about the times of certificates.
    let warnings: [AssemblyProblem]

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
        var changes: [SecurityChange] = []
        var warnings: [AssemblyProblem] = []
        for (index, listener) in settings.listeners.enumerated() {
            guard let tls = listener.tls.map(ServerSecuritySettings.init) else { continue }
            let path = "listen[\(index)].tls"
            do throws(SecureProblems) {
                let kept = earlier?.servers.values.first { $0.address == listener.address }?.security
                let change = try kept.map { kept throws(SecureProblems) in try kept.reload(tls) }
                if let change { changes.append(change) }
                let counters = listenerCounters["\(listener.address)"] ?? TLSCounters()
                let security = if let kept { kept } else { try ServerSecurity(tls, counters: counters) }
                let terms = change?.terms ?? security.terms
                warnings += terms.warnings.at(path)
                servers[index] = Server(
                    address: listener.address, settings: tls, security: security, ends: terms.ends)
            } catch {
                problems += error.all.at(path)
            }
        }
        var clients: [String: [Client]] = [:]
        for upstream in settings.upstreams where upstream.url.isSecure {
            let path = "upstreams.\(upstream.name).tls"
            do throws(SecureProblems) {
                clients[upstream.name] = try Self.clients(
                    of: upstream, path, earlier, upstreamCounters[upstream.name] ?? TLSCounters(), &changes,
                    &warnings)
            } catch {
                problems += error.all.at(path)
            }
        }
        self.servers = servers
        self.clients = clients
        self.changes = changes
        self.warnings = warnings
    }

    /// Each server has a name of its own to be verified by, unless the settings give one for all.
    private static func clients(
        of upstream: Settings.UpstreamSettings, _ path: String, _ earlier: GatewaySecurity?,
        _ counters: TLSCounters, _ changes: inout [SecurityChange], _ warnings: inout [AssemblyProblem]
    ) throws(SecureProblems) -> [Client] {
        let before = earlier?.clients[upstream.name] ?? []
        var clients: [Client] = []
        // Its servers have the same files.
        var told: [AssemblyProblem] = []
        for server in upstream.servers {
            let tls = ClientSecuritySettings(upstream, host: server.url.host)
            if let kept = before.first(where: { $0.settings == tls })?.security {
                let change = try kept.reload(tls)
                changes.append(change)
                told.append(contentsOf: change.terms.warnings.at(path))
                clients.append(Client(settings: tls, security: kept))
            } else {
                let security = try ClientSecurity(tls, counters: counters)
                told.append(contentsOf: security.terms.warnings.at(path))
                clients.append(Client(settings: tls, security: security))
            }
        }
        for warning in told where !warnings.contains(warning) { warnings.append(warning) }
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

    /// When the certificates of listeners end: of several with one name at a listener the first.
    var listenerEnds: [(listener: String, end: CertificateEnd)] {
        servers.sorted { $0.key < $1.key }.flatMap { _, server in
            Dictionary(server.ends.map { ($0.name, $0) }) { $0.notAfter <= $1.notAfter ? $0 : $1 }.values
                .sorted { $0.name < $1.name }.map { ("\(server.address)", $0) }
        }
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

extension [SecureProblem] {
    fileprivate func at(_ path: String) -> [AssemblyProblem] {
        map {
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
