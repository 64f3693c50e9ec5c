import CPosix
import Dispatch
import Synchronization

/// Names to addresses, off the loops, remembered for a bounded time.
package final class Resolver: Sendable {
    /// What an answer is given as.
    package typealias Answer = Result<[SocketAddress], TransportError>
    private typealias Waiter = @Sendable (Answer) -> Void

    private struct Entry {
        var answer: Answer
        var expires: MonotonicTime
    }

    private struct State {
        var entries: [Endpoint: Entry] = [:]
        var waiting: [Endpoint: [Waiter]] = [:]
    }

    private static let entriesMax = 256
    private static let addressesMax = 16
    private let lifetime: Duration
    private let failureLifetime: Duration
    private let lookup: @Sendable (Endpoint) -> Answer
    private let queue = DispatchQueue(label: "samegate.resolver", qos: .utility, attributes: .concurrent)
    private let state = Mutex(State())

    /// Remembers answers for `lifetime` and failures for `failureLifetime`; `lookup` may block.
    package init(
        lifetime: Duration = .seconds(30), failureLifetime: Duration = .seconds(1),
        lookup: @escaping @Sendable (Endpoint) -> Answer = Resolver.system
    ) {
        self.lifetime = lifetime
        self.failureLifetime = failureLifetime
        self.lookup = lookup
    }

    /// The addresses, when they are known already: always for a numeric host.
    package func known(_ endpoint: Endpoint, now: MonotonicTime) -> Answer? {
        if let address = endpoint.address { return .success([address]) }
        return state.withLock { state in
            guard let entry = state.entries[endpoint], now < entry.expires else { return nil }
            return entry.answer
        }
    }

    /// Looks the endpoint up; `completion` runs on `loop`. Questions for the same endpoint share one look-up.
    package func resolve(
        _ endpoint: Endpoint, on loop: EventLoop, _ completion: @escaping @Sendable (Answer) -> Void
    ) {
        let isFirst = state.withLock { state in
            state.waiting[endpoint, default: []].append { answer in loop.execute { completion(answer) } }
            return state.waiting[endpoint]?.count == 1
        }
        guard isFirst else { return }
        let clock = loop.clock
        queue.async { @Sendable [self] in finish(endpoint, lookup(endpoint), clock.now()) }
    }

    private func finish(_ endpoint: Endpoint, _ answer: Answer, _ now: MonotonicTime) {
        let isFailure = if case .failure = answer { true } else { false }
        let expires = now.advanced(by: isFailure ? failureLifetime : lifetime)
        let waiters = state.withLock { state in
            if state.entries.count >= Self.entriesMax { state.entries.removeAll() }
            state.entries[endpoint] = Entry(answer: answer, expires: expires)
            return state.waiting.removeValue(forKey: endpoint) ?? []
        }
        for waiter in waiters { waiter(answer) }
    }

    /// getaddrinfo, which blocks.
    @Sendable package static func system(_ endpoint: Endpoint) -> Answer {
        var found = [cposix_address](repeating: cposix_address(), count: addressesMax)
        let count = cposix_resolve(endpoint.host, endpoint.port, &found, Int32(addressesMax))
        guard count > 0 else {
            let reason = count == 0 ? "no address" : String(cString: cposix_resolve_reason(count))
            return .failure(.unresolved(host: endpoint.host, reason: reason))
        }
        return .success(found[0..<Int(count)].map(SocketAddress.init))
    }
}
