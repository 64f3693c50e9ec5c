import HTTPWire
import Observe
import Policy
import Proxy
import Query
import SAME
import Synchronization
import Tensor
import Transport

/// One request on a protected route, from its head to its verdict.
///
/// The phases: collect the body, decode it, redeem a proof if it brings one; otherwise examine it on the scoring pool
/// while the victim answers, join the two, decide, and answer. It lives as long as something refers to it: the proxy
/// while it collects or forwards, the scoring pool while it examines.
///
/// `@unchecked Sendable` because: it is carried to a scoring worker and back, but its state is touched on the
/// exchange's loop alone, which `exchange` checks in debug builds.
final class ProtectedExchange: @unchecked Sendable {
    /// What the scorer has said so far.
    enum Examined {
        case pending
        case rows([Examination])
        /// Nothing will come, because of this.
        case unavailable(reason: String)
    }

    let exchange: Exchange
    let route: Route
    let protection: Protection
    let services: GatewayServices
    let started: MonotonicTime

    var batch: QueryBatch?
    var examined = Examined.pending
    var answered: CollectedResponse?
    var latencies = DecisionLatencies()
    /// Nobody waits any more: what still arrives is dropped.
    var isOver = false

    /// Bodies longer than this are decoded on the scoring pool: at some hundred MB/s they would hold up the loop's other
    /// connections. **Units** bytes.
    static let decodeInlineBytesMax = 64 << 10

    init(_ exchange: Exchange, route: Route, protection: Protection, services: GatewayServices) {
        self.exchange = exchange
        self.route = route
        self.protection = protection
        self.services = services
        started = exchange.loop.now
    }

    /// Starts the first phase. **Runs on** the exchange's loop, as everything here but `examine`.
    func begin() {
        exchange.onCancel { [weak self] _ in self?.isOver = true }
        exchange.collectBody(bytesMax: services.limits.requestBodyBytesMax) { self.received($0) }
    }

    // MARK: Decoding

    private func received(_ body: [UInt8]) {
        if let coding = contentCoding(exchange.request.fields) {
            return undecodable("the content coding \(coding) is not decoded on this route", body)
        }
        guard body.count > Self.decodeInlineBytesMax else { return decoded(decode(body), body) }
        let admission = services.scoring.submit(rows: 1) { [self] _ in
            let result = decode(body)
            exchange.loop.execute { @Sendable in self.decoded(result, body) }
        }
        if admission != .accepted { overloaded(body) }
    }

    private func decode(_ body: [UInt8]) -> Result<QueryBatch, DecodeError> {
        Result { () throws(DecodeError) in try protection.decoder.decode(body) }
    }

    private func decoded(_ result: Result<QueryBatch, DecodeError>, _ body: [UInt8]) {
        guard !isOver else { return }
        switch result {
        case .failure(let error): undecodable(error.description, body)
        case .success(let batch):
            self.batch = batch
            if let index = exchange.request.fields.firstIndex(named: ProofField.name) {
                redeem(exchange.request.fields.value(at: index), batch)
            } else {
                score(batch, body)
            }
        }
    }

    private func undecodable(_ reason: String, _ body: [UInt8]) {
        services.counters.undecodable.wrappingAdd(1, ordering: .relaxed)
        let refused = protection.refuses(protection.onUndecodable)
        recordUnscored("undecodable: \(reason)", verdict: refused ? .reject : .pass)
        if refused {
            exchange.respond(GatewayProblem.undecodable(reason))
        } else {
            passUnscored(body)
        }
    }

    // MARK: Scoring beside the victim

    private func score(_ batch: QueryBatch, _ body: [UInt8]) {
        let submitted = services.clock.now()
        let admission = services.scoring.submit(rows: batch.rows) { [self] scratch in
            examine(batch, scratch, submitted: submitted)
        }
        guard admission == .accepted else { return overloaded(body) }
        forward(body) { self.answered($0) }
    }

    /// **Runs on** a scoring worker.
    private func examine(_ batch: QueryBatch, _ scratch: ScoringScratch, submitted: MonotonicTime) {
        let begun = services.clock.now()
        let rows = Tensor(shape: [batch.rows, batch.shape.count], values: batch.values)
        let examinations = protection.scorer.examine(rows, workspace: scratch.workspace)
        let ended = services.clock.now()
        exchange.loop.execute { @Sendable [self] in
            latencies.queue = begun.duration(since: submitted)
            latencies.score = ended.duration(since: begun)
            examined = .rows(examinations)
            join()
        }
    }

    private func overloaded(_ body: [UInt8]) {
        services.counters.overloaded.wrappingAdd(1, ordering: .relaxed)
        let refused = protection.refuses(protection.onOverload)
        recordUnscored("the scoring queue is full", verdict: refused ? .reject : .pass)
        if refused {
            respond(GatewayProblem.overloaded, retryAfterSeconds: 1)
        } else {
            passUnscored(body)
        }
    }

    // MARK: The victim's answer

    private func forward(_ body: [UInt8], _ completion: @escaping (CollectedResponse) -> Void) {
        exchange.request.fields.remove("accept-encoding")
        exchange.request.fields.remove(named: ProofField.name)
        exchange.forward(body: body, to: route.upstream, answerBytesMax: services.limits.answerBytesMax) {
            switch $0 {
            case .success(let response): completion(response)
            case .failure(let error): self.failed(error)
            }
        }
    }

    /// Lets the query and its answer by without a score; the choice was recorded by the caller.
    private func passUnscored(_ body: [UInt8]) {
        forward(body) { response in
            guard !self.isOver else { return }
            self.isOver = true
            self.exchange.respond(response.response)
        }
    }

    private func answered(_ response: CollectedResponse) {
        latencies.upstream = response.latency
        answered = response
        join()
    }

    private func failed(_ error: UpstreamError) {
        guard !isOver else { return }
        isOver = true
        services.log.warning("\(error)", metadata: ["request_id": "\(exchange.requestID)"])
        respond(ProblemDocument(status: error.status), retryAfterSeconds: error.status == 503 ? 1 : nil)
    }

    /// Goes on once both the examination and the answer are there.
    private func join() {
        guard !isOver, let batch, let answered else { return }
        switch examined {
        case .pending: return
        case .rows(let examinations):
            isOver = true
            decide(Joined(batch: batch, examinations: examinations, response: answered))
        case .unavailable(let reason):
            isOver = true
            recordUnscored(reason, verdict: .pass)
            exchange.respond(answered.response)
        }
    }

    // MARK: Small parts

    /// The content coding of a message, or nil for none (RFC 9110 §8.4).
    func contentCoding(_ fields: HeaderList) -> String? {
        guard let coding = fields.value("content-encoding"), coding.lowercased() != "identity" else { return nil }
        return coding.isEmpty ? nil : coding
    }

    /// Answers with a problem document, and `Retry-After` when a repetition may help.
    func respond(_ problem: ProblemDocument, retryAfterSeconds: Int? = nil) {
        var response = Response(problem, exchange.requestID)
        // A number always fits a field.
        if let retryAfterSeconds { try? response.fields.set("Retry-After", String(retryAfterSeconds)) }
        exchange.respond(response)
    }
}
