import Proxy

// What is done for an exchange on the scoring pool, and what becomes of it when nobody waits any more.
extension ProtectedExchange {
    /// Has `work` done by a worker, in the place of a row, and `then` called with what it returns, on the loop; neither where nobody
    /// waits any more by then. What the two hold is let go of at once when that is so.
    func submit<Value: Sendable>(
        operations: Double, mayBeReserved: Bool = false, _ work: @escaping @Sendable () -> Value,
        then: @escaping @Sendable (Value) -> Void
    ) -> ScoringPool.Admission {
        let place = ScoringPlace()
        let admission = services.scoring.submit(
            rows: 1, operations: operations, of: scoringClient, at: place,
            mayBeReserved: mayBeReserved
        ) { [self] scratch in
            guard !isAbandoned.load(ordering: .relaxed) else { return }
            let value = work()
            scratch.tell { self.exchange.loop.execute { @Sendable in then(value) } }
        }
        if admission == .accepted { places.append(place) }
        return admission
    }

    /// Nobody waits any more: what the exchange has on the scoring pool counts for nobody from now on.
    func abandon() {
        isAbandoned.store(true, ordering: .relaxed)
        pass?.end()
        let left = places
        places = []
        services.scoring.leave(left)
    }
}
