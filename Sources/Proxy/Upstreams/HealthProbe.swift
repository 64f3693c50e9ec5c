import HTTPWire
import Transport

/// One check of a server's health: a GET on a connection of its own, over the same TLS as requests.
///
/// Not on a pooled connection: whether new connections are taken is part of the question, and no request is to wait
/// behind a check.
///
/// `@unchecked Sendable` because: confined to its loop, like its base class.
final class HealthProbe: StreamChannel, @unchecked Sendable {
    /// How a check ended; nil is good.
    typealias Outcome = String?

    private let request: [UInt8]
    /// Which answers are good; nil asks nothing of a connection that stands.
    private let status: ClosedRange<Int>?
    private let proxyProtocol: ProxyProtocolWriter.Version?
    private let security: (any SessionMaker)?
    private var parser: ResponseParser
    private var held: [UInt8] = []
    /// Whether a connection stood, with TLS where there is any.
    private(set) var isConnected = false
    private var completion: ((Outcome) -> Void)?
    private var timer: LoopTimer?

    init(
        owning raw: Int32, on loop: EventLoop, server: UpstreamServer, check: HealthCheckSettings?,
        timeout: Duration, _ completion: @escaping (Outcome) -> Void
    ) {
        request = check.map { Self.request(to: server, $0) } ?? []
        status = check?.status
        security = server.security
        proxyProtocol = server.bounds.proxyProtocol
        parser = ResponseParser(limits: server.limits.answer)
        self.completion = completion
        super.init(loop: loop, owning: raw)
        timer = LoopTimer { [unowned self] in end("no answer within \(timeout)") }
    }

    private static func request(to server: UpstreamServer, _ check: HealthCheckSettings) -> [UInt8] {
        let host = if case .fixed(let name) = server.settings.hostField { name } else { server.authority }
        return Array(
            ("GET \(check.path) HTTP/1.1\r\nHost: \(host)\r\nUser-Agent: samegate-health\r\nAccept: */*\r\n"
                + "Connection: close\r\n\r\n").utf8)
    }

    /// Begins; the check ends by itself within `timeout`. **Throws** when the loop cannot watch one more descriptor.
    func begin(timeout: Duration) throws(TransportError) {
        try register()
        if let timer { loop.arm(timer, at: loop.now.advanced(by: timeout)) }
    }

    /// Nobody wants to know any more.
    func cancel() {
        completion = nil
        abort()
    }

    override func channelClosed() {
        if let timer { loop.remove(timer) }
        tell("the check was broken off")
    }

    private func end(_ outcome: Outcome) {
        tell(outcome)
        close()
    }

    private func tell(_ outcome: Outcome) {
        let told = completion
        completion = nil
        told?(outcome)
    }

    // MARK: Events

    override func receivedEvent(_ readiness: Readiness) {
        note(readiness)
        if !isConnected { connect() }
        guard isOpen, isConnected else { return }
        flush()
        if writeError != nil { return end("the connection broke") }
        read()
    }

    private func connect() {
        if !isSecure {
            guard canWrite else { return }
            let code = connectError()
            guard code == 0 else { return end("connect: \(TransportError.reason(code))") }
            if let proxyProtocol {
                withOutput { ProxyProtocolWriter.appendOwn(proxyProtocol, to: &$0) }
                guard flush() else { return end("the connection broke") }
            }
            if let security {
                guard let session = security.makeSession(over: raw) else { return end("no TLS") }
                secure(with: session)
            }
        }
        switch advanceHandshake() {
        case .bytes: break
        case .wouldBlock: return
        case .endOfFile, .failed: return end("TLS: \(securityFailure ?? .truncated)")
        }
        isConnected = true
        guard status != nil else { return end(nil) }
        parser.begin(method: .get)
        request.withUnsafeBytes { write($0) }
    }

    private func read() {
        while isOpen, canRead {
            switch receive(into: loop.scratch) {
            case .bytes(let count): feed(UnsafeRawBufferPointer(rebasing: loop.scratch[..<count]))
            case .endOfFile: end("the connection ended before an answer")
            case .wouldBlock: return
            case .failed: end("the connection broke")
            }
        }
    }

    /// The head says all: a body that does not end is none of a check's business.
    private func feed(_ bytes: UnsafeRawBufferPointer) {
        // Taken out of the object: a span of a stored property has no lifetime to depend on.
        var bytesAtHand = held
        held = []
        bytesAtHand.append(contentsOf: bytes)
        while completion != nil {
            let step = parser.next(bytesAtHand.span)
            bytesAtHand.removeFirst(step.consumed)
            switch step.event {
            case .needMoreBytes:
                held = bytesAtHand
                return
            case .interimHead: continue
            case .head: judge(parser.head.status)
            case .failure(let error): end("its answer is not HTTP/1.1: \(error)")
            case .body, .end: end("its answer has no head")
            }
        }
    }

    private func judge(_ answered: Int) {
        end(status?.contains(answered) != false ? nil : "it answered \(answered)")
    }
}
