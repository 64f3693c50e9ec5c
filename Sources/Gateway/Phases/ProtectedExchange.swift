import Coding
import HTTPWire
import Observe
import Policy
import Proxy
import Query
import SAME
import Synchronization
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
    let exchange: Exchange
    /// Who asks.
    var note: RequestNote
    let route: Route
    let protection: Protection
    let services: GatewayServices
    let started: MonotonicTime

    var batch: QueryBatch?
    var examinations: [Examination]?
    /// What was kept of earlier queries, by row, where some rows had to be examined.
    var recalled: [Examination?] = []
    /// When the query was given to the scoring pool.
    var submitted = MonotonicTime.never
    /// The pool has given the query up, and the route lets it by without a score.
    var isUnscored = false
    var answered: CollectedResponse?
    /// What is held of the route's rates until the rows are scored.
    var ticket: RateLimitTicket?
    var latencies = DecisionLatencies()
    /// Whose share of the scoring queue the request counts against.
    let scoringClient: ScoringClient?
    /// What the request's body is coded with, in the order in which it was applied, and what is wrong with that list.
    var codings: [ContentCoding] = []
    var codingError: CodingError?
    /// How much of the body is JSON, where raw tensors follow it.
    var jsonBytes: Int?
    /// The body as it came, where it is to go on so.
    var codedBody: [UInt8]?
    /// What the client can decode.
    var accepted = AcceptEncoding()
    /// The answer as the upstream coded it, and its body decoded.
    var codedAnswer: CodedAnswer?
    var plainAnswer: [UInt8] = []
    /// An answer has been given or nobody waits for one: what still arrives is dropped.
    var isOver = false
    /// The decision log has its lines: each row gets one, whatever became of it.
    var isRecorded = false
    /// Tells the scoring workers, which may not touch `isOver`, that their work would be for nobody.
    let isAbandoned = Atomic(false)
    /// Leave to go by without a score, until it is answered.
    var pass: ScoringPass?
    /// What it has given to the scoring pool, done or not.
    var places: [ScoringPlace] = []

    /// Bodies longer than this are decoded on the scoring pool: at some hundred MB/s they would hold up the loop's other
    /// connections. **Units** bytes.
    static let decodeInlineBytesMax = 64 << 10

    /// What decoding counts for beside the networks where the two share the scoring workers: 10 ns a byte, in which the
    /// networks do about so many operations.
    static let operationsPerDecodedByte = 1_000.0

    /// The same for undoing a content coding, by the byte that comes out.
    static let operationsPerInflatedByte = 250.0

    /// The same for making one, by the byte that goes in.
    static let operationsPerDeflatedByte = 2_500.0

    init(
        _ exchange: Exchange, _ note: RequestNote, route: Route, protection: Protection,
        services: GatewayServices
    ) {
        self.exchange = exchange
        self.note = note
        self.route = route
        self.protection = protection
        self.services = services
        scoringClient = ScoringClient(
            account: note.account, address: exchange.client.host, by: services.scoringShare)
        started = exchange.loop.now
    }

    /// Starts the first phase. **Runs on** the exchange's loop, as everything here.
    func begin() {
        exchange.onCancel { self.cancelled($0) }
        guard agreesOnCodings(), admitsBody() else { return }
        exchange.collectBody(bytesMax: exchange.limits.requestBodyBytesMax) { self.received($0) }
    }

    private func cancelled(_ reason: CancelReason) {
        abandon()
        guard !isOver else { return }
        isOver = true
        settleEstimate()
        recordUnscored("nobody waits any more: \(reason.rawValue)", as: .unanswered)
    }

    // MARK: Decoding

    private func received(_ body: [UInt8]) {
        if codings.isEmpty, codingError == nil { received(plain: body) } else { receivedCoded(body) }
    }

    /// Reads the query in a body without content coding.
    func received(plain body: [UInt8]) {
        guard readsExtent(of: body) else { return }
        guard body.count > Self.decodeInlineBytesMax else {
            let (result, took) = timed { decode(body, jsonBytes) }
            latencies.parse = took
            return decoded(result, body)
        }
        guard admitsProof() else { return }
        let admission = submitDecoding(of: body)
        guard admission != .accepted else { return }
        let isCrowding = admission == .crowded
        guard protection.mode == .enforce else {
            let format = protection.decoder.format
            let rows = BodyRows.most(in: body, format, upTo: format.rowsMax, jsonBytes: jsonBytes)
            return passUnread(body, rows: rows, isCrowding: isCrowding)
        }
        guard mayReserve(body, isCrowding: isCrowding),
            submitDecoding(of: body, mayBeReserved: true) == .accepted
        else { return refuseUnread(isCrowding: isCrowding) }
    }

    private func submitDecoding(of body: [UInt8], mayBeReserved: Bool = false) -> ScoringPool.Admission {
        let operations = Double(body.count) * Self.operationsPerDecodedByte
        return submit(operations: operations, mayBeReserved: mayBeReserved) { [self, jsonBytes] in
            timed { decode(body, jsonBytes) }
        } then: { [self] (result, took) in
            latencies.parse = took
            decoded(result, body)
        }
    }

    /// What `work` returns, and how long it took.
    private func timed<Value>(_ work: () -> Value) -> (Value, Duration) {
        let begun = services.clock.now()
        let value = work()
        return (value, services.clock.now().duration(since: begun))
    }

    private func decode(_ body: [UInt8], _ jsonBytes: Int?) -> Result<QueryBatch, DecodeError> {
        Result { () throws(DecodeError) in try protection.decoder.decode(body, jsonBytes: jsonBytes) }
    }

    /// Finds out how much of a body is JSON. Returns false when that has settled the request.
    private func readsExtent(of body: [UInt8]) -> Bool {
        guard protection.decoder.format.wireProtocol == .openInference else { return true }
        do throws(RawTensorsError) {
            jsonBytes = try RawTensors.jsonBytes(exchange.request.fields)
            return true
        } catch {
            undecodable(error.description, body)
            return false
        }
    }

    private func decoded(_ result: Result<QueryBatch, DecodeError>, _ body: [UInt8]) {
        guard !isOver else { return }
        switch result {
        case .failure(let error): undecodable(error.description, body)
        case .success(let batch):
            guard hold(batch, body) else { return }
            if let proof = proofField {
                redeem(proof, batch)
            } else if admit(rows: batch.rows) {
                score(batch, body)
            }
        }
    }

    /// Keeps the rows, which take memory beside the body. Returns false when there is none to be had.
    private func hold(_ batch: QueryBatch, _ body: [UInt8]) -> Bool {
        self.batch = batch
        let values = batch.values.capacity * MemoryLayout<Float>.stride
        return exchange.hold(bytes: values + body.capacity + (codedBody?.capacity ?? 0))
    }

    /// The proof that the request brings; in observe mode nobody is asked for one, so it means nothing. A field that comes
    /// twice has no one reading: its lines together are no proof.
    var proofField: String? {
        let fields = exchange.request.fields
        guard protection.mode == .enforce, let index = fields.firstIndex(named: ProofField.name) else {
            return nil
        }
        let repeated = fields.firstIndex(named: ProofField.name, from: index + 1)
        return repeated == nil ? fields.value(at: index) : ""
    }

    func undecodable(_ reason: String, _ body: [UInt8]) {
        guard admit(rows: 1) else { return }
        settleEstimate()
        services.counters.undecodable.wrappingAdd(1, ordering: .relaxed)
        recordUnscored("undecodable: \(reason)", as: .fallback(protection.onUndecodable))
        if protection.refuses(protection.onUndecodable) {
            isOver = true
            reply(GatewayProblem.undecodable(reason))
        } else {
            passUnscored(body)
        }
    }

    // MARK: The victim's answer

    func forward(_ body: [UInt8], _ completion: @escaping (CollectedResponse) -> Void) {
        // What the client's Connection fields name goes first: of what is set here they say nothing (RFC 9110 §7.6.1).
        exchange.request.fields.removeHopByHop()
        // The answer has to be read whole, to be scored and changed. The value is fixed.
        try? exchange.request.fields.set("Accept-Encoding", upstreamAcceptEncoding)
        exchange.request.fields.remove("range")
        exchange.request.fields.remove(named: ProofField.name)
        if batch != nil { declareType() }
        let answerBytesMax = exchange.limits.answerBytesMax
        exchange.forward(body: codedBody ?? body, to: route.upstream, answerBytesMax: answerBytesMax) {
            switch $0 {
            case .success(let response): self.decoded(response, completion)
            case .failure(let error): self.failed(error)
            }
        }
    }

    private static let jsonTypes: Set = ["application/json", "application/json;charset=utf-8"]
    private static let rawTypes: Set = ["application/octet-stream"]

    /// A body that was read as JSON, which is in UTF-8 (RFC 8259 §8.1), goes on as nothing else, nor does one with raw tensors: by
    /// another type or charset an upstream might read another query in the same bytes.
    private func declareType() {
        let own = jsonBytes == nil ? Self.jsonTypes : Self.rawTypes
        let types = exchange.request.fields.values("content-type")
        let isOwn = types.count == 1 && own.contains(types[0].lowercased().filter { $0 != " " })
        // The values are fixed, or numbers.
        if !isOwn {
            let type = jsonBytes == nil ? "application/json" : "application/octet-stream"
            try? exchange.request.fields.set("Content-Type", type)
        }
        // A client's Connection field may have named it away.
        if let jsonBytes { try? exchange.request.fields.set(RawTensors.name, String(jsonBytes)) }
    }

    /// Lets the query and its answer by without a score; the choice was recorded by the caller.
    func passUnscored(_ body: [UInt8]) {
        forward(body) { response in
            guard !self.isOver else { return }
            self.isOver = true
            self.deliver(response.response)
        }
    }

    func answered(_ response: CollectedResponse) {
        latencies.upstream = response.latency
        answered = response
        join()
    }

    private func failed(_ error: UpstreamError) {
        guard !isOver else { return }
        isOver = true
        abandon()
        settleEstimate()
        recordUnscored("the upstream failed: \(error.code)", as: .unanswered)
        respond(ProblemDocument(status: error.status), retryAfterSeconds: error.status == 503 ? 1 : nil)
    }

    /// Goes on once the answer and the examination are there, or none is to come.
    func join() {
        guard !isOver, let batch, let answered else { return }
        if isUnscored {
            isOver = true
            return deliver(answered.response)
        }
        guard let examinations else { return }
        isOver = true
        decide(Joined(batch: batch, examinations: examinations, response: answered))
    }

    // MARK: Small parts

    /// Answers. What the exchange holds of the scoring pool is given back before: the client may ask again at once.
    func reply(_ response: Response) {
        pass?.end()
        exchange.respond(response)
    }

    /// Answers with a problem document that names the request.
    func reply(_ problem: ProblemDocument) { reply(Response(problem, exchange.requestID)) }

    /// The content codings of a message, or nil for none (RFC 9110 §8.4); all lines of the field count.
    func contentCoding(_ fields: HeaderList) -> String? {
        let codings = fields.values("content-encoding").flatMap { $0.split(separator: ",") }
            .map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
        let applied = codings.filter { !$0.isEmpty && $0 != "identity" }
        return applied.isEmpty ? nil : applied.joined(separator: ", ")
    }

    /// Answers with a problem document, and `Retry-After` when a repetition may help.
    func respond(_ problem: ProblemDocument, retryAfterSeconds: Int? = nil) {
        var response = Response(problem, exchange.requestID)
        // A number always fits a field.
        if let retryAfterSeconds { try? response.fields.set("Retry-After", String(retryAfterSeconds)) }
        reply(response)
    }
}
