import Policy
import Proxy
import Query
import Settings
import Tensor
import Transport

// What settings say, in the types that the rooms run on.

extension ProxyLimits {
    init(_ settings: LimitsSettings) {
        self.init()
        connectionsMax = settings.connections
        connectionsPerClientMax = settings.connectionsPerClient
        chunkLineBytesMax = settings.body.chunkLineBytes
        chunkExtensionBytesMax = settings.body.chunkExtensionBytes
        trailerBytesMax = settings.body.trailerBytes
        trailerCountMax = settings.body.trailerCount
        bodyBytesPerSecondMin = settings.body.bytesPerSecond
        bodyRateWindow = settings.body.rateWindow
        requestsMax = settings.requests
        bufferBytesMax = settings.bufferBytes
        loopLagMax = settings.loopLag
        requestHeadBytesMax = settings.requestHeadBytes
        requestLineBytesMax = min(settings.requestLineBytes, settings.requestHeadBytes)
        fieldBytesMax = settings.headerFieldBytes
        headerCountMax = settings.headerCount
        requestBodyBytesMax = settings.requestBodyBytes
        answerBytesMax = settings.answerBytes
        headTimeout = settings.requestHeadTimeout
        bodyIdleTimeout = settings.bodyIdleTimeout
        requestTimeout = settings.requestTimeout
        keepAliveTimeout = settings.keepAliveTimeout
        continueTimeout = settings.continueTimeout
        tunnelIdleTimeout = settings.tunnelIdleTimeout
        keepAliveRequestsMax = settings.keepAliveRequests
        keepAliveAgeMax = settings.keepAliveAge
        answerIdleTimeout = settings.answerIdleTimeout
        answerBytesPerSecondMin = settings.answerBytesPerSecond
        answerRateWindow = settings.answerRateWindow
    }
}

/// The limits of every place that states its own.
struct LimitTable {
    /// By the name of the listener.
    private(set) var listeners: [String: LimitSet] = [:]
    private let settings: GatewaySettings

    init(_ settings: GatewaySettings) {
        self.settings = settings
        for listener in settings.listeners {
            guard let own = listener.limits else { continue }
            listeners[Self.name(of: listener.address)] = LimitSet(
                ProxyLimits(own.applied(to: settings.limits)))
        }
    }

    /// The limits of a route by the name of the listener that its request came in at; empty without any of its own. What a
    /// route leaves out is as the listener has it; under an empty name as all have it, for a listener that is removed.
    func limits(of route: RouteSettings) -> [String: LimitSet] {
        guard let own = route.limits, !own.given.isEmpty else { return [:] }
        let pairs = settings.listeners.map { listener in
            let common = listener.limits?.applied(to: settings.limits) ?? settings.limits
            return (Self.name(of: listener.address), LimitSet(ProxyLimits(own.applied(to: common))))
        }
        let others = ("", LimitSet(ProxyLimits(own.applied(to: settings.limits))))
        return Dictionary(pairs + [others]) { first, _ in first }
    }

    /// As `Transport.Listener` has it.
    static func name(of address: Settings.SocketAddress) -> String {
        let text = address.description
        return (try? Endpoint(parsing: text).address)?.description ?? text
    }
}

extension ProxySettings {
    init(_ gateway: GatewaySettings, limits: ProxyLimits, listeners: [String: LimitSet] = [:]) {
        self.init(limits: limits)
        listenerLimits = listeners
        let settings = gateway.forwarded
        trust.proxies = settings.trustedProxies.compactMap { AddressPrefix($0) }
        trust.field =
            switch settings.clientFrom {
            case .xForwardedFor: .xForwardedFor
            case .forwarded: .forwarded
            }
        sendsForwarded = settings.sendsForwarded
        viaName = settings.viaName
        // Without a key file the field is whatever the upstream takes it for.
        if let identity = gateway.identity, identity.apiKeys != nil {
            credentialField = identity.apiKeyHeader
        }
        halfClosedListeners = Set(
            gateway.listeners.filter(\.servesHalfClosed).map(\.address).map(LimitTable.name))
        sendsClientCertificate = gateway.identity?.clientCertificate?.sendsHeaders ?? false
    }
}

extension ProxyHeaderIntake {
    init(_ settings: ProxyProtocolSettings) {
        self.init(
            proxies: settings.proxies.compactMap { AddressPrefix($0) }, timeout: settings.headerTimeout)
    }
}

extension WireProtocol {
    init(_ settings: ProtectSettings.WireProtocol) {
        self =
            switch settings {
            case .tensorFlowServing: .tensorFlowServing
            case .openInference: .openInference
            }
    }
}

extension QueryFormat {
    init(_ protect: ProtectSettings, image: ImageShape) {
        let layout: PixelLayout =
            switch protect.input.layout {
            case .heightWidthChannels: .hwc
            case .channelsHeightWidth: .chw
            }
        self.init(
            wireProtocol: WireProtocol(protect.wireProtocol), inputName: protect.input.name,
            datatype: protect.input.datatype.flatMap { TensorDatatype(rawValue: $0.rawValue) },
            signature: protect.input.signature ?? QueryFormat.defaultSignature, layout: layout,
            range: ValueRange(low: protect.input.range.lowerBound, high: protect.input.range.upperBound),
            shape: image)
    }
}

extension AnswerFormat {
    init(_ protect: ProtectSettings, classes: Int) {
        let kind: AnswerKind =
            switch protect.answer.kind {
            case .probabilities: .probabilities
            case .logProbabilities: .logProbabilities
            case .logits: .logits
            case .topK: .topK
            case .labels: .labels
            }
        self.init(
            wireProtocol: WireProtocol(protect.wireProtocol), outputName: protect.answer.name, kind: kind,
            classes: classes)
    }
}

extension Band {
    init(_ settings: BandSettings) {
        let above: Policy.Threshold =
            switch settings.above {
            case .percentile(let value): .percentile(value)
            case .raw(let value): .raw(value)
            }
        let verdict: VerdictTemplate =
            switch settings.verdict {
            case .pass: .pass
            case .perturb(let noise): .perturb(.noise(l1: noise.l1))
            case .proofOfWork(let work):
                .proofOfWork(
                    WorkRule(
                        least: Double(work.hashes.lowerBound), most: Double(work.hashes.upperBound),
                        growth: work.growth))
            case .reject: .reject
            }
        self.init(above: above, verdict: verdict)
    }
}
