import HTTPWire
import Transport

/// The servers that answer for a name, as configured.
package struct UpstreamSettings: Sendable, Equatable {
    /// What `Host` says to the upstream.
    package enum HostField: Sendable, Equatable {
        /// What the client said.
        case passThrough
        /// The server's own host, and its port where that is not the scheme's.
        case upstream
        /// This.
        case fixed(String)
    }

    /// Which requests are sent again.
    package enum Retry: Sendable, Equatable {
        /// None.
        case never
        /// Those of an idempotent method (RFC 9110 §9.2.2), others that no byte of had been sent, and once whatever an idle
        /// connection ended on before a byte of its answer.
        case idempotent
        /// All: the owner knows that the upstream's requests have no effect, as a prediction has none.
        case anyMethod
    }

    /// How a request's server is chosen among those that are available.
    package enum Balance: Sendable, Equatable {
        /// In turn, in proportion to the weights and as evenly as can be (smooth weighted round robin).
        case roundRobin
        /// The one with the fewest requests at work for its weight; in turn among equals.
        case leastConnections
        /// The same one for the same client (weighted rendezvous hashing). With a bound, a server whose share of the
        /// requests at work would exceed it that many times over is passed over for the client's next one.
        case consistentHash(loadBound: Double?)
    }

    /// What happens when no server is available.
    package enum AllDown: Sendable, Equatable {
        /// All of them are used as though they were: a wrong suspicion must not cost everything.
        case use
        /// Requests are answered 503 at once.
        case refuse
    }

    /// The name in logs, errors and metrics.
    package var name: String
    /// Not empty.
    package var servers: [UpstreamServerSettings]
    /// How one of them is chosen.
    package var balance = Balance.roundRobin
    /// What happens when none is available.
    package var whenAllDown = AllDown.use
    /// Connections to a server at once, over all loops.
    package var connectionsMax = 256
    /// The PROXY header that connections begin with, before TLS; nil for none. Each connection is one client's then.
    package var proxyProtocol: ProxyProtocolWriter.Version?
    /// Of these, how many may be unused; nil for all.
    package var idleConnectionsMax: Int?
    /// Requests that one connection carries; it is closed behind the last.
    package var connectionRequestsMax = Int.max
    /// How long a connection is given further requests; nil for ever.
    package var connectionLifetime: Duration?
    /// Requests that wait for a connection to a server, over all loops. One more: 503 with `Retry-After`.
    package var queueMax = 1024
    /// Longest time to make a connection.
    package var connectTimeout = Duration.seconds(1)
    /// Longest wait for a connection to become free; nil for as long as making one may take.
    package var queueTimeout: Duration?
    /// From the end of the request to the first byte of the answer.
    package var firstByteTimeout = Duration.seconds(30)
    /// Longest silence within an answer, and longest time the upstream may take no byte of a request.
    package var answerIdleTimeout = Duration.seconds(15)
    /// From the first attempt to the answer's last byte, waiting and retries included; nil for no deadline but the
    /// client's request's.
    package var totalTimeout: Duration?
    /// How long an unused connection is kept.
    package var idleTimeout = Duration.seconds(60)
    /// `Host` towards it.
    package var hostField = HostField.passThrough
    /// What is sent again.
    package var retry = Retry.idempotent
    /// Answers of these statuses are tried elsewhere, where `retry` allows the request a second time; none as a rule.
    package var retryStatuses: Set<Int> = []
    /// How often one request is sent at most, the first time included.
    package var attemptsMax = 3
    /// How much of a streamed body is kept to be sent again; a longer one is sent once. **Units**: bytes.
    package var retryBodyBytesMax = 64 << 10
    /// What all retries together may cost.
    package var retryBudget = RetryBudgetSettings()
    /// Requests of the gateway's own that find out which servers work; nil for none.
    package var healthCheck: HealthCheckSettings?
    /// When a server that fails is left out for a while; nil for never. One server alone never is.
    package var ejection: EjectionSettings? = EjectionSettings()
    /// How long a server that is back takes to get its whole share.
    package var slowStart = Duration.zero
    /// How often names are resolved again.
    package var resolveInterval = Duration.seconds(30)

    /// One server, with default bounds.
    package init(name: String, endpoint: Endpoint) {
        self.init(name: name, servers: [UpstreamServerSettings(endpoint: endpoint)])
    }

    /// Several servers, at least one, with default bounds.
    package init(name: String, servers: [UpstreamServerSettings]) {
        precondition(!servers.isEmpty, "an upstream has a server")
        self.name = name
        self.servers = servers
    }
}

/// One server of an upstream.
package struct UpstreamServerSettings: Sendable, Equatable {
    /// Where it listens.
    package var endpoint: Endpoint
    /// Its share beside the others'.
    package var weight = 1
    /// Whether it serves only while no other is available.
    package var isBackup = false

    /// A server of weight 1.
    package init(endpoint: Endpoint, weight: Int = 1, isBackup: Bool = false) {
        self.endpoint = endpoint
        self.weight = weight
        self.isBackup = isBackup
    }
}

/// How much may be sent again, as a share of what is sent: when every server fails, retries must not multiply the load
/// that may be the reason.
package struct RetryBudgetSettings: Sendable, Equatable {
    /// Retries for each request of the window.
    package var share = 0.2
    /// Retries a second that are allowed however few requests there are.
    package var perSecondMin = 3
    /// The window, in whole seconds.
    package var windowSeconds = 10

    /// The defaults.
    package init() {}
}

/// What is asked of each server to find out whether it works.
package struct HealthCheckSettings: Sendable, Equatable {
    /// The target of the GET request.
    package var path: String
    /// From one check to the next, more or less a tenth.
    package var interval = Duration.seconds(5)
    /// How long one may take.
    package var timeout = Duration.seconds(2)
    /// After how many good checks in a row a server that was down is up.
    package var healthyCount = 2
    /// After how many bad ones a server that was up is down. The very first check decides alone.
    package var unhealthyCount = 3
    /// Which answers are good.
    package var status = 200...399

    /// Checks of `path` with the default times.
    package init(path: String) { self.path = path }
}

/// When a server that fails is left out.
package struct EjectionSettings: Sendable, Equatable {
    /// Failures in a row: no answer, half an answer, or 502, 503 or 504.
    package var failureCount = 5
    /// For how long at first; each time it is twice as long.
    package var baseTime = Duration.seconds(10)
    /// For how long at most. A server that has been good for as long begins anew with `baseTime`.
    package var maxTime = Duration.seconds(300)
    /// Which share of the servers may be left out at once; one may always, unless it is the only one.
    package var shareMax = 0.5

    /// The defaults.
    package init() {}
}
