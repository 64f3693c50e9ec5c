/// Everything a configuration file says, validated.
///
/// References between sections hold, numbers are within bounds, and files that must be there were there. What the daemon
/// makes of it (`Policy`, `Router`, …) are types of their own.
package struct GatewaySettings: Sendable, Equatable {
    /// Where connections are accepted; at least one.
    package var listeners: [ListenerSettings]
    /// Bounds on what one downstream may ask.
    package var limits: LimitsSettings
    /// How clients are told apart; nil when nobody is.
    package var identity: IdentitySettings?
    /// Whose word is taken on who asked.
    package var forwarded: ForwardedSettings
    /// Servers that answer; at least one.
    package var upstreams: [UpstreamSettings]
    /// Bundles that score.
    package var models: [ModelSettings]
    /// Which requests go where, in order of precedence; at least one.
    package var routes: [RouteSettings]
    /// Which answers are compressed; nil for none.
    package var compress: CompressSettings?
    /// What happens by score.
    package var policies: [PolicySettings]
    /// How much may be asked, for the routes that name it.
    package var rates: [RateSettings]
    /// The threads that score.
    package var scoring: ScoringSettings
    /// The secret key.
    package var secrets: SecretsSettings
    /// Answers that wait for a proof-of-work.
    package var withheld: WithheldSettings
    /// What is done about traces across services.
    package var tracing: TracingSettings
    /// What is written down.
    package var logs: LogsSettings
    /// The operator's side door; nil when there is none.
    package var admin: AdminSettings?
    /// Whose process it is.
    package var daemon: DaemonSettings
    /// How the daemon ends.
    package var shutdown: ShutdownSettings
    /// The files and folders named here, by the path of the key that names them.
    package internal(set) var files: [String: String] = [:]

    init(reading section: Section) {
        listeners = section.list(
            "listen", least: 1, "The addresses connections are accepted at.", ListenerSettings.init(reading:))
        limits = section.section(
            "limits", "Bounds on what one downstream may ask.", LimitsSettings.init(reading:))
        identity = section.optionalSection(
            "identity", absent: "every client is anonymous", "How clients are told apart.",
            IdentitySettings.init(reading:))
        forwarded = section.section(
            "forwarded", "Who asked: whose word is taken on it, and what upstreams are told.",
            ForwardedSettings.init(reading:))
        upstreams = section.named(
            "upstreams", least: 1, "The servers that answer, by name.", UpstreamSettings.init(_:reading:))
        models = section.named(
            "models", least: 0, "The bundles that score, by name.", ModelSettings.init(_:reading:))
        routes = section.list(
            "routes", least: 1, "Which requests go where; the first that takes a request has it.",
            RouteSettings.init(reading:))
        compress = section.optionalSection(
            "compress", absent: "answers pass as they come",
            "Which answers are compressed for clients that accept it.", CompressSettings.init(reading:))
        policies = section.named(
            "policies", least: 0, "What happens to a query by its score, by name.",
            PolicySettings.init(_:reading:))
        rates = section.named(
            "rates", least: 0, "How much a client, a network or a route may ask, by name.",
            RateSettings.init(_:reading:))
        scoring = section.section("scoring", "The threads that score.", ScoringSettings.init(reading:))
        secrets = section.section("secrets", "The gateway's secret key.", SecretsSettings.init(reading:))
        withheld = section.section(
            "withheld", "Answers that wait for a proof-of-work.", WithheldSettings.init(reading:))
        tracing = section.section(
            "tracing", "What is done about traces across services (W3C Trace Context).",
            TracingSettings.init(reading:))
        logs = section.section("logs", "What is written down, and where.", LogsSettings.init(reading:))
        admin = section.optionalSection(
            "admin", absent: "not served", "The operator's side door, apart from the data listeners.",
            AdminSettings.init(reading:))
        daemon = section.section(
            "daemon", "The process: whose it is, and where it says which it is.",
            DaemonSettings.init(reading:))
        shutdown = section.section("shutdown", "How the daemon ends.", ShutdownSettings.init(reading:))
    }
}
