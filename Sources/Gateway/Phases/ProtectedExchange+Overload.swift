import HTTPWire
import Policy
import Proxy

// Queries without a score, for want of room or time in the scoring queue.
extension ProtectedExchange {
    /// Whether overload refuses: where the route says so, and whoever may have brought it about.
    private func refusesOverload(isCrowding: Bool) -> Bool {
        protection.refuses(isCrowding ? .reject : protection.onOverload)
    }

    /// A query that was accepted gets no score, while the victim is asked already.
    func unscored(_ reason: String, isCrowding: Bool) {
        guard !isOver else { return }
        latencies.queue = services.clock.now().duration(since: submitted)
        // The victim's work may have been done: the estimate is charged, whatever becomes of the answer.
        settleEstimate()
        if !refuseOverloaded(reason, isCrowding: isCrowding) {
            isUnscored = true
            join()
        }
    }

    /// A query for which the scoring queue has no room.
    func overloaded(_ body: [UInt8], isCrowding: Bool) {
        services.counters.overloaded.wrappingAdd(1, ordering: .relaxed)
        if refuseOverloaded("the scoring queue is full", isCrowding: isCrowding) {
            cancelTicket()
        } else {
            settleEstimate()
            passUnscored(body)
        }
    }

    /// Writes down why there is no score, and refuses the query unless it may pass without one.
    private func refuseOverloaded(_ reason: String, isCrowding: Bool) -> Bool {
        let isCrowding = isCrowding || !mayPass()
        let isRefused = refusesOverload(isCrowding: isCrowding)
        let reason = isCrowding ? "\(reason), and it is not its client's only row" : reason
        recordUnscored(reason, as: .fallback(isCrowding ? .reject : protection.onOverload))
        if isCrowding { services.counters.scoringCrowded.wrappingAdd(1, ordering: .relaxed) }
        if isRefused { respondOverloaded(isCrowding: isCrowding) }
        return isRefused
    }

    /// Whether a client's only row may go by without a score. Where that is enforced one at a time may: it is not the only one while
    /// another is on its way.
    private func mayPass() -> Bool {
        guard protection.mode == .enforce, protection.onOverload == .pass else { return true }
        pass = services.scoring.letBy(scoringClient)
        return pass != nil
    }

    // MARK: Bodies that nobody has read

    /// Whether a long body is worth a place beyond the queue's bound, so that it fares no worse than a short one: one that brings a
    /// proof, which has been judged as far as it can be, and one that can be no more than a single row, which might go by. No more
    /// than one of a client is. Of a coded body there is nothing to be told.
    func mayReserve(_ plain: [UInt8]?, isCrowding: Bool) -> Bool {
        if proofField != nil { return true }
        guard let plain, !isCrowding, protection.onOverload == .pass else { return false }
        return BodyRows.most(in: plain, protection.decoder.format, upTo: 2, jsonBytes: jsonBytes) == 1
    }

    /// There is no worker to read a body that is too long for the loop: what is in it nobody can say, so that letting it by would
    /// let bombs, batches and what cannot be read by. `on_overload` has no say.
    func refuseUnread(isCrowding: Bool) {
        guard admit(rows: 1) else { return }
        cancelTicket()
        services.counters.overloaded.wrappingAdd(1, ordering: .relaxed)
        if isCrowding { services.counters.scoringCrowded.wrappingAdd(1, ordering: .relaxed) }
        let more = isCrowding ? "it is not its client's only row" : "the body was not read"
        recordUnscored("the scoring queue is full, and \(more)", as: .refused)
        respondOverloaded(isCrowding: isCrowding)
    }

    /// The same in observe mode, where nothing is refused: it goes on as it came, with one line for all its rows, which may be so
    /// many.
    func passUnread(_ body: [UInt8], rows: Int = 1, isCrowding: Bool) {
        guard admit(rows: rows) else { return }
        services.counters.overloaded.wrappingAdd(1, ordering: .relaxed)
        if isCrowding { services.counters.scoringCrowded.wrappingAdd(1, ordering: .relaxed) }
        settleEstimate()
        recordUnscored(
            "the scoring queue is full, and the body was not read",
            as: .fallback(isCrowding ? .reject : protection.onOverload))
        passUnscored(body)
    }

    // MARK: Small parts

    /// Tells the client that there is no room or time for its query.
    private func respondOverloaded(isCrowding: Bool) {
        isOver = true
        services.counters.overloadedRefused.wrappingAdd(1, ordering: .relaxed)
        respond(isCrowding ? GatewayProblem.crowding : GatewayProblem.overloaded, retryAfterSeconds: 1)
    }
}
