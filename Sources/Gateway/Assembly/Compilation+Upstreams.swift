import Proxy
import Settings
import Transport

extension Upstream {
    /// An upstream as the settings describe it; `securities` are the TLS towards each of its servers.
    convenience init(
        _ settings: Settings.UpstreamSettings, limits: ProxyLimits, securities: [(any SessionMaker)?]
    ) {
        self.init(settings: Proxy.UpstreamSettings(settings), limits: limits, securities: securities)
    }
}

extension GatewayAssembly {
    /// The upstreams that a protected route sends its queries to.
    var protectedUpstreams: [Upstream] {
        let names = Set(routes.filter { $0.protection != nil }.map(\.upstream.settings.name))
        return upstreams.filter { names.contains($0.key) }.sorted { $0.key < $1.key }.map(\.value)
    }
}

extension Proxy.UpstreamSettings {
    init(_ settings: Settings.UpstreamSettings) {
        self.init(name: settings.name, servers: settings.servers.map(Proxy.UpstreamServerSettings.init))
        balance =
            switch settings.balance {
            case .roundRobin: .roundRobin
            case .leastConnections: .leastConnections
            case .consistentHash: .consistentHash(loadBound: settings.hashLoadBound)
            }
        whenAllDown = settings.whenAllDown == .use ? .use : .refuse
        hostField =
            switch settings.host {
            case .pass: .passThrough
            case .url: .upstream
            case .fixed(let name): .fixed(name)
            }
        proxyProtocol =
            switch settings.proxyProtocol {
            case .off: nil
            case .v1: .v1
            case .v2: .v2
            }
        queueMax = settings.queue
        slowStart = settings.slowStart
        resolveInterval = settings.resolveEvery
        healthCheck = settings.health.map(HealthCheckSettings.init)
        ejection = settings.eject.failures > 0 ? EjectionSettings(settings.eject) : nil
        take(settings.connections)
        take(settings.deadlines)
        takeRetries(settings)
    }

    private mutating func take(_ connections: UpstreamConnectionSettings) {
        connectionsMax = connections.most
        idleConnectionsMax = connections.idleMost
        idleTimeout = connections.idleTimeout
        connectionRequestsMax = connections.requests ?? .max
        connectionLifetime = connections.lifetime
    }

    private mutating func take(_ deadlines: UpstreamDeadlineSettings) {
        connectTimeout = deadlines.connect
        queueTimeout = deadlines.queue
        firstByteTimeout = deadlines.firstByte
        answerIdleTimeout = deadlines.answerIdle
        totalTimeout = deadlines.total
    }

    private mutating func takeRetries(_ settings: Settings.UpstreamSettings) {
        retry =
            switch settings.retry {
            case .never: .never
            case .idempotent: .idempotent
            case .anyMethod: .anyMethod
            }
        retryStatuses = Set(settings.retryOn)
        attemptsMax = settings.attempts
        retryBodyBytesMax = settings.retryBodyBytes
        retryBudget.share = settings.retryBudget.share
        retryBudget.perSecondMin = settings.retryBudget.perSecond
        retryBudget.windowSeconds = settings.retryBudget.window
    }
}

extension Proxy.UpstreamServerSettings {
    init(_ settings: Settings.UpstreamServerSettings) {
        self.init(
            endpoint: Endpoint(host: settings.url.host, port: settings.url.port), weight: settings.weight,
            isBackup: settings.isBackup)
    }
}

extension HealthCheckSettings {
    init(_ settings: UpstreamHealthSettings) {
        self.init(path: settings.path)
        interval = settings.interval
        timeout = settings.timeout
        healthyCount = settings.healthy
        unhealthyCount = settings.unhealthy
        status = settings.status
    }
}

extension EjectionSettings {
    init(_ settings: UpstreamEjectSettings) {
        self.init()
        failureCount = settings.failures
        baseTime = settings.time
        maxTime = settings.timeMost
        shareMax = settings.share
    }
}
