import Coding
import HTTPWire
import Proxy

// The content coding of answers: undone so that they can be read and changed, and made again as the client accepts it.
extension ProtectedExchange {
    /// What the upstream is told that it may use: what can be undone here.
    var upstreamAcceptEncoding: String {
        switch protection.acceptEncoding {
        case .identity: "identity"
        case .gzip: ContentCoding.offered
        }
    }

    // MARK: From the upstream

    /// Gives an answer to `completion` plain, here or after a time on the scoring pool. One that is no coding's, or an
    /// unknown one's, is given as it came: it cannot be read then, which is the route's to judge.
    func decoded(_ response: CollectedResponse, _ completion: @escaping (CollectedResponse) -> Void) {
        let limits = services.codings.answerLimits(exchange.limits)
        guard !response.body.isEmpty, response.head.fields.contains("content-encoding"),
            let applied = try? ContentCoding.applied(
                response.head.fields.values("content-encoding"), codingsMax: limits.codingsMax),
            !applied.isEmpty
        else { return completion(response) }
        let attempt = decode(response, applied, limits.inline(bytesMax: Self.decodeInlineBytesMax))
        guard case .failure(let error) = attempt, error.isOverLimit else {
            return take(attempt, response, applied, completion)
        }
        let completion = LoopBound(completion)
        // The upstream's own answers become about so much.
        let plain = min(limits.bytesMax, response.body.count * 8)
        let operations = Double(plain) * Self.operationsPerInflatedByte
        let admission = submit(operations: operations) { [self] in
            decode(response, applied, limits)
        } then: { [self] result in
            take(result, response, applied, completion.value)
        }
        // The answer is there and paid for: this loop does without the pool, within the same bounds.
        if admission != .accepted {
            take(decode(response, applied, limits), response, applied, completion.value)
        }
    }

    private func decode(
        _ response: CollectedResponse, _ codings: [ContentCoding], _ limits: DecodingLimits
    ) -> Result<[UInt8], CodingError> {
        Result { () throws(CodingError) in
            try BodyDecoder.decode(response.body, codings, limits: limits)
        }
    }

    private func take(
        _ result: Result<[UInt8], CodingError>, _ response: CollectedResponse, _ codings: [ContentCoding],
        _ completion: (CollectedResponse) -> Void
    ) {
        guard !isOver else { return }
        switch result {
        case .success(let plain):
            services.codings.counters.answersDecoded.wrappingAdd(1, ordering: .relaxed)
            codedAnswer = CodedAnswer(
                response: response.response, coding: codings.count == 1 ? codings[0] : nil)
            var answer = response
            answer.body = plain
            answer.head.fields.becomePlain()
            plainAnswer = plain
            completion(answer)
        case .failure(let error) where error.isOverLimit: refuseAnswer(error)
        case .failure: completion(response)
        }
    }

    private func refuseAnswer(_ error: CodingError) {
        isOver = true
        abandon()
        settleEstimate()
        recordUnscored("the upstream's answer: \(error)", as: .unanswered)
        services.log.warning(
            "the upstream's answer is too long: \(error)", metadata: ["request_id": "\(exchange.requestID)"])
        respond(ProblemDocument(status: 502))
    }

    // MARK: To the client

    /// Sends an answer of the victim's as the client accepts it.
    ///
    /// One that the upstream coded and nobody changed goes out as it came, when the client takes that coding: nothing is
    /// made twice. Where it was changed, the policy goes before `no-transform`, and the upstream's coding is kept.
    func deliver(_ response: Response) {
        if let codedAnswer, let coding = codedAnswer.coding, response.body == plainAnswer,
            accepted.accepts(coding)
        {
            var original = codedAnswer.response
            original.fields.varyByCoding()
            return send(original, coded: coding)
        }
        var response = response
        let mayBeCoded =
            codedAnswer != nil
            || route.compression?.covers(
                status: response.status, response.fields, count: response.body.count) == true
        if mayBeCoded { response.fields.varyByCoding() }
        guard !response.body.isEmpty, !response.fields.contains("content-encoding"),
            case .coding(let coding) = accepted.choice(isWanted: mayBeCoded)
        else { return reply(response) }
        encode(response, coding)
    }

    private func encode(_ response: Response, _ coding: ContentCoding) {
        let level = route.compression?.level ?? Deflater.levels.lowerBound
        guard response.body.count > Self.decodeInlineBytesMax else {
            return send(response, encoded: Self.encode(response.body, coding, level), coding)
        }
        let operations = Double(response.body.count) * Self.operationsPerDeflatedByte
        let admission = submit(operations: operations) {
            Self.encode(response.body, coding, level)
        } then: { [self] coded in
            send(response, encoded: coded, coding)
        }
        guard admission != .accepted else { return }
        if accepted.choice(isWanted: false) == .identity { return reply(response) }
        send(response, encoded: Self.encode(response.body, coding, level), coding)
    }

    private static func encode(_ body: [UInt8], _ coding: ContentCoding, _ level: Int) -> [UInt8]? {
        try? Deflater.encode(body, coding, level: level)
    }

    /// Sends the coded form; plain where memory for it was out.
    private func send(_ response: Response, encoded: [UInt8]?, _ coding: ContentCoding) {
        guard let encoded else { return reply(response) }
        services.codings.counters.countAnswer(plain: response.body.count, coded: encoded.count)
        var response = response
        response.body = encoded
        response.fields.becomeCoded(coding)
        send(response, coded: coding)
    }

    private func send(_ response: Response, coded coding: ContentCoding) {
        if services.journal.keepsAccesses {
            note.answerCoding = coding.name
            exchange.attach(note)
        }
        reply(response)
    }
}

/// An answer as the upstream coded it.
struct CodedAnswer {
    let response: Response
    /// Nil when there are several on top of each other.
    let coding: ContentCoding?
}

/// Carries a closure through a queue that does not call it.
///
/// `@unchecked Sendable` because: it is made and called on one loop, and only kept in between.
struct LoopBound<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
}
