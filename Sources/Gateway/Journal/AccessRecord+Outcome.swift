import HTTPWire
import Observe
import Proxy

extension ExchangeOutcome {
    /// Calls `body` with what the access log says of the exchange, protected or not, and of one that no route took. Its texts
    /// lie where the exchange has them.
    func withAccessRecord(of request: RequestHead, _ route: Route?, _ body: (AccessRecord) -> Void) {
        let note = note.flatMap { $0 as? RequestNote }
        LogText.lend(note?.account) { account in
            LogText.lend(answerCoding ?? note?.answerCoding) { coding in
                lendRequestID { id in
                    lend(request) { texts in
                        var record = record(route, id, texts)
                        if let account {
                            record.address = record.client
                            record.client = account
                        }
                        record.answerCoding = coding
                        if attempts > 1 { record.attempts = attempts }
                        if hasRare { record.rare = rare }
                        LogText.lend(server) { server in
                            record.server = server
                            body(record)
                        }
                    }
                }
            }
        }
    }

    /// What the request's own bytes say.
    private struct RequestTexts {
        let client: LogText
        var target: LogText = ""
        var method: LogText = ""
        var version: LogText = ""
        var agent: LogText?
        var referrer: LogText?
        var coding: LogText?
    }

    private func record(_ route: Route?, _ id: LogText, _ texts: RequestTexts) -> AccessRecord {
        var record = AccessRecord(
            time: WallTime.now().earlier(byNanoseconds: duration), requestID: id, client: texts.client,
            method: texts.method, path: texts.target, status: status == 0 ? nil : status,
            requestBytes: Int64(requestBodyBytes), answerBytes: Int64(answerBodyBytes),
            duration: duration)
        record.version = texts.version
        record.userAgent = texts.agent
        record.referrer = texts.referrer
        record.requestCoding = texts.coding
        record.route = route?.logName.text
        record.upstreamDuration = upstreamLatency
        if upstreamLatency != nil || upstreamError != nil { record.upstream = route?.logUpstream.text }
        record.trace = trace.map { .hex($0.high, $0.low) }
        return record
    }

    private func lendRequestID(_ body: (LogText) -> Void) {
        if let (high, low) = requestID.halves { return body(.hex(high, low)) }
        LogText.lend(requestID.text) { body($0 ?? "") }
    }

    private func lend(_ request: RequestHead, _ body: (RequestTexts) -> Void) {
        clientText.withUnsafeBufferPointer { client in
            guard hasRequest else { return body(RequestTexts(client: .bytes(client))) }
            request.target.bytes.withUnsafeBufferPointer { target in
                request.fields.lend("user-agent", "referer", "content-encoding") { agent, referrer, coding in
                    LogText.lend(request.method) { method in
                        body(
                            RequestTexts(
                                client: .bytes(client), target: .bytes(target), method: method,
                                version: request.version == .http11 ? "HTTP/1.1" : "HTTP/1.0",
                                agent: agent.map(LogText.bytes), referrer: referrer.map(LogText.bytes),
                                coding: coding.map(LogText.bytes)))
                    }
                }
            }
        }
    }

    private var hasRare: Bool {
        if isPlain { return false }
        if case .cut = end { return true }
        return framingError != nil || upstreamError != nil || shed != nil || isTunnel || security != nil
            || !hasRequest
    }

    private var rare: AccessRecord.Rare {
        let rare = AccessRecord.Rare()
        if !hasRequest, !startLine.isEmpty { rare.startLine = startLine }
        rare.fault = framingError?.name ?? upstreamError?.code
        rare.shed = shed?.rawValue
        rare.isTunnel = isTunnel
        if case .cut(let reason) = end { rare.cut = reason.rawValue }
        rare.security = security.map {
            AccessRecord.Security(
                version: $0.version, cipher: $0.cipher, serverName: $0.serverName, subject: $0.peer?.subject)
        }
        return rare
    }
}

extension LogText {
    fileprivate static func lend(_ method: Method, _ body: (LogText) -> Void) {
        switch method {
        case .get: body("GET")
        case .post: body("POST")
        case .head: body("HEAD")
        default: lend(method.name) { body($0 ?? "") }
        }
    }
}

/// A name that stands in many lines of a log, where it does not move.
///
/// `@unchecked Sendable` because: written in `init`, freed in `deinit`, and only read in between.
final class LogName: @unchecked Sendable {
    private let bytes: UnsafeMutableBufferPointer<UInt8>

    /// The name's bytes.
    init(_ name: String) {
        let utf8 = Array(name.utf8)
        bytes = .allocate(capacity: utf8.count)
        _ = bytes.initialize(fromContentsOf: utf8)
    }

    deinit { bytes.deallocate() }

    /// Lent for as long as the name is held.
    var text: LogText { .bytes(UnsafeBufferPointer(bytes)) }
}
