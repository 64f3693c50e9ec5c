/// The servers that answer requests for a name.
package struct UpstreamSettings: Sendable, Equatable {
    /// The name routes refer to.
    package var name: String
    /// Where they are; not empty. All have the scheme and the path of the first.
    package var servers: [UpstreamServerSettings]
    /// How one of them is chosen.
    package var balance: Balance
    /// How many times its share of the requests at work a server may have before a hashed client goes elsewhere.
    package var hashLoadBound: Double?
    /// What happens when none is available.
    package var whenAllDown: AllDown
    /// TLS towards them; nil for the defaults with an https:// URL, and for clear text with http://.
    package var tls: UpstreamTLSSettings?
    /// `Host` towards them.
    package var host: UpstreamHost
    /// Connections to a server at once, and how long they are kept.
    package var connections: UpstreamConnectionSettings
    /// Requests that may wait for a connection to a server.
    package var queue: Int
    /// How long what may take.
    package var deadlines: UpstreamDeadlineSettings
    /// The PROXY header that its connections begin with.
    package var proxyProtocol: ProxyProtocol
    /// What is sent again.
    package var retry: Retry
    /// Statuses whose answers are tried on another server.
    package var retryOn: [Int]
    /// How often a request is sent at most.
    package var attempts: Int
    /// How much of a streamed body is kept to be sent again.
    package var retryBodyBytes: Int
    /// What all retries together may cost.
    package var retryBudget: UpstreamRetryBudgetSettings
    /// Checks of the servers' health; nil for none.
    package var health: UpstreamHealthSettings?
    /// When a server that fails is left out.
    package var eject: UpstreamEjectSettings
    /// How long a server that is back takes to get its whole share.
    package var slowStart: Duration
    /// How often host names are resolved again.
    package var resolveEvery: Duration

    /// The PROXY header's version.
    package enum ProxyProtocol: String, Sendable, CaseIterable {
        /// None is sent.
        case off
        /// A line of text.
        case v1
        /// A binary block.
        case v2
    }

    /// The first server's.
    package var url: UpstreamURL { servers[0].url }

    /// Which requests are sent again.
    package enum Retry: String, Sendable, CaseIterable {
        /// None.
        case never
        /// Those of an idempotent method, and others of which no byte had been sent.
        case idempotent
        /// All: right for predictions, which have no effect.
        case anyMethod = "any-method"
    }

    /// How a request's server is chosen.
    package enum Balance: String, Sendable, CaseIterable {
        /// In turn, by weight.
        case roundRobin = "round-robin"
        /// The one with the fewest requests at work for its weight.
        case leastConnections = "least-connections"
        /// The same one for the same client.
        case consistentHash = "consistent-hash"
    }

    /// What happens when no server is available.
    package enum AllDown: String, Sendable, CaseIterable {
        /// All are used.
        case use
        /// 503.
        case refuse
    }

    init(_ name: String, reading section: Section) {
        self.name = name
        servers = Self.servers(reading: section)
        balance = section.value(
            "balance", .choice(), default: .roundRobin,
            "How a request's server is chosen: in turn by weight; the one with the fewest requests at work; or the same"
                + " one for the same client (its identity, else its address).")
        hashLoadBound = section.optional(
            "hash_load_bound", .number(in: 1...100), absent: "no bound",
            "With consistent-hash: how many times its share of the requests at work a server may have before a client goes"
                + " to its next one; 1.25 is usual.")
        whenAllDown = section.value(
            "when_all_down", .choice(), default: .use,
            "When every server is down or left out: use them all, since the suspicion may be wrong, or refuse with 503."
        )
        tls = section.optionalSection(
            "tls", absent: "all defaults for https://", "TLS towards it.", UpstreamTLSSettings.init(reading:))
        host = section.value(
            "host", .upstreamHost, default: .pass,
            "Host towards it: the client's, the URL's, or a fixed name.")
        connections = UpstreamConnectionSettings(reading: section)
        queue = section.value(
            "queue", .integer(in: 0...1_000_000), default: 1_024,
            "Requests that may wait for a free connection to a server; further ones are answered 503.")
        deadlines = UpstreamDeadlineSettings(reading: section)
        proxyProtocol = section.value(
            "proxy_protocol", .choice(), default: .off,
            "The PROXY header that connections begin with, before TLS, naming the client; each is one client's alone then."
        )
        retry = section.value(
            "retry", .choice(), default: .idempotent,
            "What is sent again, on another server, when no byte of an answer came; `any-method` is right for predictions, which"
                + " have no effect. But for `never`, a request of any method is sent once more when a kept connection was closed."
        )
        retryOn =
            section.optional(
                "retry_on", .list(of: .integer(in: 429...504), count: 0...5), absent: "none",
                "Answers of these statuses (429, 500, 502, 503, 504) are not taken but asked of another server, where retry"
                    + " lets the request be sent twice, within attempts and retry_budget."
            ) ?? []
        attempts = section.value(
            "attempts", .integer(in: 1...10), default: 3, "To how many servers one request is sent at most.")
        retryBodyBytes = section.value(
            "retry_body_bytes", .size(in: 0...(64 << 20)), default: 64 << 10,
            "How much of a streamed request body is kept to be sent again; a request with a longer one is sent once."
        )
        retryBudget = section.section(
            "retry_budget",
            "What retries on other servers may cost, so that they do not multiply an overload.",
            UpstreamRetryBudgetSettings.init(reading:))
        health = section.optionalSection(
            "health", absent: "no checks", "Checks of each server's health.",
            UpstreamHealthSettings.init(reading:))
        eject = section.section(
            "eject", "When a server that fails is left out for a while; never the only one.",
            UpstreamEjectSettings.init(reading:))
        slowStart = section.value(
            "slow_start", .duration(in: .zero ... .seconds(3600)), default: .zero,
            "How long a server that is back takes to get its whole share; it begins with a tenth.")
        resolveEvery = section.value(
            "resolve_every", .duration(in: .seconds(1) ... .seconds(86_400)), default: .seconds(30),
            "How often host names are resolved again; the old addresses stay while the resolver fails.")
        check(section)
    }

    private static func servers(reading section: Section) -> [UpstreamServerSettings] {
        let hasServers = section.has("servers")
        let isEither = hasServers || section.isDocumenting
        let about = "Where requests are sent. This or servers is required."
        let url =
            isEither
            ? section.optional("url", .upstreamURL, absent: "servers", about)
            : section.required("url", .upstreamURL, about)
        let servers = section.list(
            "servers", least: hasServers ? 1 : 0, "Where requests are sent, when there are several servers.",
            UpstreamServerSettings.init(reading:))
        if hasServers, url != nil {
            section.complain("says the same as servers; give one of the two", about: "url")
        }
        guard hasServers else { return [UpstreamServerSettings(url: url ?? Kind.upstreamURL.sample)] }
        return servers.isEmpty ? [UpstreamServerSettings(url: Kind.upstreamURL.sample)] : servers
    }

    private func check(_ section: Section) {
        let key = section.has("servers") ? "servers" : "url"
        guard section.trusts(key) else { return }
        if section.has("tls"), !url.isSecure {
            section.complain("goes with an https:// URL; this one is \(url)", about: "tls")
        }
        for server in servers.dropFirst() where server.url.basePath != url.basePath {
            section.complain("must all have the same path; \(server.url) and \(url) have not", about: key)
        }
        for server in servers.dropFirst() where server.url.isSecure != url.isSecure {
            section.complain(
                "must all be https:// or all http://; \(server.url) and \(url) are not", about: key)
        }
        let places = servers.map { "\($0.url.host):\($0.url.port)" }
        for (index, place) in places.enumerated() where places[..<index].contains(place) {
            section.complain("name \(place) more than once; give it a weight instead", about: key)
        }
        if servers.allSatisfy(\.isBackup), section.has("servers") {
            section.complain("are all backups; one at least must not be", about: key)
        }
        for status in retryOn where ![429, 500, 502, 503, 504].contains(status) {
            section.complain(
                "lists \(status); 429, 500, 502, 503 and 504 may be tried elsewhere", about: "retry_on")
        }
        if hashLoadBound != nil, balance != .consistentHash, section.trusts("balance") {
            section.complain("goes with balance: consistent-hash", about: "hash_load_bound")
        }
    }
}

/// One server of an upstream.
package struct UpstreamServerSettings: Sendable, Equatable {
    /// Where it is.
    package var url: UpstreamURL
    /// Its share beside the others'.
    package var weight = 1
    /// Whether it serves only while no other is available.
    package var isBackup = false

    init(url: UpstreamURL) { self.url = url }

    init(reading section: Section) {
        url = section.required("url", .upstreamURL, "Where the server is.")
        weight = section.value(
            "weight", .integer(in: 1...1_000), default: 1, "Its share beside the other servers'.")
        isBackup = section.value(
            "backup", .boolean, default: false, "Whether it serves only while no other server is available.")
    }
}
