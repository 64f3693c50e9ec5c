import Transport

/// What is queued for the client goes out as it takes it, and what had to wait for that goes on.
extension ServerConnection {
    /// Sends what is queued and does what had to wait for it.
    func sendOutput() {
        let before = outputCount
        let isEmpty = flush()
        if writeError != nil { return clientGone() }
        if isEmpty {
            writeDeadline = .never
            answerRateDeadline = .never
            drained(ofSome: before > 0)
        } else {
            if outputCount < before || writeDeadline == .never { awaitTaking() }
            if answerRateDeadline == .never { beginAnswerWindow() }
        }
        guard isOpen else { return }
        account()
        guard isOpen else { return }
        if outputCount < limits.pressureBytes { roomMade() }
        updateDeadline()
    }

    /// The client has to take something of what waits for it from now on.
    private func awaitTaking() {
        takenBefore = bytesTaken
        writeDeadline = loop.now.advanced(by: limits.answerIdleTimeout)
    }

    /// Whether it has not; if it has, its time begins anew.
    var takesNothing: Bool {
        guard bytesTaken <= takenBefore else {
            awaitTaking()
            return false
        }
        return true
    }

    private func roomMade() {
        exchange.upstream?.resumeReading()
        if awaitsRoom { loop.resumeLater(self) }
    }

    private func drained(ofSome: Bool) {
        if phase == .lingering, !saidFarewell { sayFarewell() }
        // Until here it was the client's time for taking its answer.
        if phase == .reading, ofSome, !isHandshaking { awaitHead() }
        // A read had been put off because of what was queued.
        if phase == .reading, canRead, !isReading { loop.resumeLater(self) }
    }

    /// Ends the connection once everything queued has been sent.
    func linger() {
        phase = .lingering
        held = []
        // A client that takes its time over what is queued has the time that any answer has.
        if outputCount == 0 { sayFarewell() }
    }

    private func sayFarewell() {
        saidFarewell = true
        if sawPeerClose { return close() }
        shutdownWrite()
        lingerDeadline = loop.now.advanced(by: limits.lingerTimeout)
        if canRead, !isReading { loop.resumeLater(self) }
    }
}
