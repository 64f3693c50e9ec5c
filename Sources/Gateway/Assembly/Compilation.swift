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
        requestHeadBytesMax = settings.requestHeadBytes
        requestLineBytesMax = min(requestLineBytesMax, settings.requestHeadBytes)
        headerCountMax = settings.headerCount
        requestBodyBytesMax = settings.requestBodyBytes
        answerBytesMax = settings.answerBytes
        headTimeout = settings.requestHeadTimeout
        bodyIdleTimeout = settings.bodyIdleTimeout
        requestTimeout = settings.requestTimeout
        keepAliveTimeout = settings.keepAliveTimeout
    }
}

extension ProxySettings {
    init(_ settings: ForwardedSettings, limits: ProxyLimits) {
        self.init(limits: limits)
        trust.proxies = settings.trustedProxies.compactMap { AddressPrefix($0) }
        trust.field =
            switch settings.clientFrom {
            case .xForwardedFor: .xForwardedFor
            case .forwarded: .forwarded
            }
        sendsForwarded = settings.sendsForwarded
    }
}

extension QueryFormat {
    init(_ protect: ProtectSettings, image: ImageShape) {
        let wireProtocol: WireProtocol =
            switch protect.wireProtocol {
            case .tensorFlowServing: .tensorFlowServing
            }
        let layout: PixelLayout =
            switch protect.input.layout {
            case .heightWidthChannels: .hwc
            case .channelsHeightWidth: .chw
            }
        self.init(
            wireProtocol: wireProtocol, inputName: protect.input.name, layout: layout,
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
            }
        self.init(outputName: protect.answer.name, kind: kind, classes: classes)
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
