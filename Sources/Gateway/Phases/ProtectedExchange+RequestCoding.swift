import Coding
import HTTPWire
import Proxy

// The content codings of a query (RFC 9110 §8.4): undone before it is read, within bounds that hold in observe mode too.
extension ProtectedExchange {
    /// Looks, before a byte of the body is read, at what it is coded with and at what the client accepts in return. Returns
    /// false when that has settled the request.
    func agreesOnCodings() -> Bool {
        let fields = exchange.request.fields
        accepted = fields.acceptEncoding
        if accepted.choice(isWanted: false) == .nothing, protection.mode == .enforce {
            isOver = true
            recordUnscored("the client accepts no coding there is", as: .refused)
            reply(GatewayProblem.notAcceptable)
            return false
        }
        guard fields.contains("content-encoding") else { return true }
        note.requestCoding = fields.values("content-encoding").joined(separator: ", ")
        do throws(CodingError) {
            codings = try ContentCoding.applied(
                fields.values("content-encoding"),
                codingsMax: services.codings.requestLimits(exchange.limits).codingsMax)
        } catch {
            codingError = error
            if isRefused(error) {
                refuse(error)
                return false
            }
        }
        return true
    }

    /// The body as it came: decoded here when it is short and stays so, and on the scoring pool otherwise.
    func receivedCoded(_ body: [UInt8]) {
        if let codingError { return undecodable(codingError, body) }
        let limits = services.codings.requestLimits(exchange.limits)
        if body.count <= Self.decodeInlineBytesMax {
            let attempt = decode(body, limits.inline(bytesMax: Self.decodeInlineBytesMax))
            guard case .failure(let error) = attempt, error.isOverLimit else {
                return contentDecoded(attempt, body)
            }
        }
        guard admitsProof() else { return }
        let admission = submitDecoding(of: body, limits)
        guard admission != .accepted else { return }
        let isCrowding = admission == .crowded
        guard protection.mode == .enforce else { return passUnread(body, isCrowding: isCrowding) }
        // Coded, even a single row cannot be told from many.
        guard mayReserve(nil, isCrowding: isCrowding),
            submitDecoding(of: body, limits, mayBeReserved: true) == .accepted
        else { return refuseUnread(isCrowding: isCrowding) }
    }

    private func submitDecoding(
        of body: [UInt8], _ limits: DecodingLimits, mayBeReserved: Bool = false
    ) -> ScoringPool.Admission {
        // As much as it may become: work that seemed to cost nothing would always come before the queries.
        let plain = limits.bound(coded: body.count).bytesMax
        let operations = Double(plain) * Self.operationsPerInflatedByte
        return submit(operations: operations, mayBeReserved: mayBeReserved) { [self] in
            decode(body, limits)
        } then: { [self] result in
            contentDecoded(result, body)
        }
    }

    private func decode(_ body: [UInt8], _ limits: DecodingLimits) -> Result<[UInt8], CodingError> {
        Result { () throws(CodingError) in try BodyDecoder.decode(body, codings, limits: limits) }
    }

    private func contentDecoded(_ result: Result<[UInt8], CodingError>, _ body: [UInt8]) {
        guard !isOver else { return }
        switch result {
        case .failure(let error): undecodable(error, body)
        case .success(let plain):
            services.codings.counters.countRequest(coded: body.count, plain: plain.count)
            if protection.forwardsEncoded {
                codedBody = body
            } else {
                exchange.request.fields.remove("content-encoding")
                exchange.request.fields.removeDigests()
            }
            guard exchange.hold(bytes: plain.capacity + (codedBody?.capacity ?? 0)) else { return }
            received(plain: plain)
        }
    }

    // MARK: What cannot be decoded

    /// Beyond the bounds there is no choice; otherwise it is the route's.
    private func isRefused(_ error: CodingError) -> Bool {
        error.isOverLimit || protection.refuses(protection.onUndecodable)
    }

    private func undecodable(_ error: CodingError, _ body: [UInt8]) {
        if isRefused(error) { return refuse(error) }
        services.codings.counters.count(error)
        undecodable(error.description, body)
    }

    private func refuse(_ error: CodingError) {
        guard admit(rows: 1) else { return }
        settleEstimate()
        isOver = true
        services.codings.counters.count(error)
        services.counters.undecodable.wrappingAdd(1, ordering: .relaxed)
        recordUnscored("undecodable: \(error)", as: .refused)
        var response = Response(GatewayProblem.undecodable(error), exchange.requestID)
        // RFC 9110 §15.5.16: what would have been understood. The value is fixed.
        if case .unknownCoding = error {
            try? response.fields.set("Accept-Encoding", ContentCoding.offered)
        }
        reply(response)
    }
}
