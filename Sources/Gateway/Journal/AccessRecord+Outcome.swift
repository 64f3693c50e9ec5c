import Observe
import Proxy

extension AccessRecord {
    /// What became of an exchange, protected or not, and of one that no route took.
    init(_ outcome: ExchangeOutcome, route: Route?) {
        let note = outcome.note as? RequestNote
        let account = note?.account
        let wentUpstream = outcome.upstreamLatency != nil || outcome.upstreamError != nil
        let request = outcome.request
        self.init(
            time: WallTime.now() + (.zero - outcome.duration), requestID: outcome.requestID.text,
            client: account ?? outcome.client.host, address: account == nil ? nil : outcome.client.host,
            method: request?.method.name ?? "", path: request?.target.text ?? "",
            status: outcome.status == 0 ? nil : outcome.status,
            requestBytes: Int64(outcome.requestBodyBytes), answerBytes: Int64(outcome.answerBodyBytes),
            duration: outcome.duration.milliseconds, route: route?.name,
            upstream: wentUpstream ? route?.upstream.settings.name : nil, trace: note?.trace?.traceID)
        if let request {
            version = request.version == .http11 ? "HTTP/1.1" : "HTTP/1.0"
            userAgent = request.fields.value("user-agent")
            referrer = request.fields.value("referer")
        } else if !outcome.startLine.isEmpty {
            startLine = outcome.startLine
        }
        requestCoding = request?.fields.value("content-encoding")
        answerCoding = outcome.answerCoding ?? note?.answerCoding
        upstreamDuration = outcome.upstreamLatency?.milliseconds
        fault = outcome.framingError?.name ?? outcome.upstreamError?.code
        shed = outcome.shed?.rawValue
        isTunnel = outcome.isTunnel
        if case .cut(let reason) = outcome.end { cut = reason.rawValue }
        security = outcome.security.map {
            Security(
                version: $0.version, cipher: $0.cipher, serverName: $0.serverName, subject: $0.peer?.subject)
        }
    }
}
