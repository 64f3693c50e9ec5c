import Dispatch
import Service
import Store
import Synchronization

/// What a process keeps in memory for its clients, on its way to the successor: challenges' secrets, answers that wait for
/// their proofs, and proofs that have been used.
///
/// From the successor's request on, claims are refused here with 503 and the advice to come again, for the time that the
/// successor takes to serve: a proof is good once, and only one process may say so. Answers that are withheld later go
/// to the successor at once, on a queue of their own, since a loop waits for nobody.
final class HandOver: Sendable {
    private let stream: StateStream
    private let queue = DispatchQueue(label: "samegate.hand-over")
    private let isBroken = Atomic(false)

    /// Gives everything to the successor at the other end of `stream`, and goes on giving.
    init(_ services: GatewayServices, _ store: MemoryStore, to stream: StateStream) {
        self.stream = stream
        send(
            .authorities(
                present: services.authority.handedOver, retired: services.retired?.handedOver))
        store.handOver { [self] in send(.entry($0)) }
        send(.complete)
    }

    private func send(_ message: HandOverMessage) {
        queue.async { @Sendable [self] in
            guard !isBroken.load(ordering: .relaxed) else { return }
            if !stream.send(message.bytes) { isBroken.store(true, ordering: .relaxed) }
        }
    }

    /// Waits until everything has been sent that was to be.
    func flush() { queue.sync {} }
}
