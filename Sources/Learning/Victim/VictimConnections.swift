import Client
import Dispatch
import HTTPWire
import Synchronization

/// Kept-alive connections to a victim's endpoint: as many as there are requests under way at once.
final class VictimConnections: Sendable {
    /// A client that one thread at a time has.
    ///
    /// `@unchecked Sendable` because: whoever has taken it out of `idle` has it alone, but for the interruption.
    private final class Lent: @unchecked Sendable {
        let client: HTTPClient
        let interruption: Interruption

        init(_ client: HTTPClient) {
            self.client = client
            interruption = client.interruption
        }
    }

    private let url: VictimURL
    private let fields: HeaderList
    private let timeout: Duration
    private let answerBytesMax: Int
    private let idle = Mutex<[Lent]>([])
    private let queue = DispatchQueue(label: "samegate.victim", attributes: .concurrent)

    /// None yet. **Throws** `badURL` for what is no http or https URL with a host, and where the system's certificate
    /// authorities cannot be read.
    init(_ text: String, timeout: Duration, answerBytesMax: Int) throws(VictimError) {
        url = try VictimURL(text)
        self.timeout = timeout
        self.answerBytesMax = answerBytesMax
        do {
            fields = try HeaderList(["Content-Type": "application/json"])
        } catch {
            throw .unreachable(url: text, attempts: 0, reason: "\(error)")
        }
    }

    /// Posts a body and waits for the whole answer, however many others are under way.
    /// **Throws** `ClientError`; where the task is cancelled at once, whatever the thread that asks still waits for.
    func post(_ body: [UInt8]) async throws -> VictimClient.Response {
        let lent = idle.withLock { $0.popLast() } ?? made()
        let waiting = Waiting()
        let response = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard waiting.begin(continuation) else { return }
                queue.async { @Sendable [self] in
                    waiting.end(
                        Result {
                            // Asking twice changes nothing at a victim.
                            try lent.client.send(
                                .post, url.target, fields: fields, body: body, repeatable: true)
                        })
                }
            }
        } onCancel: {
            lent.interruption.raise()
            // The thread may be at what nobody can interrupt, such as finding the host's address.
            waiting.end(.failure(ClientError.interrupted))
        }
        if !lent.interruption.isRaised { idle.withLock { $0.append(lent) } }
        return VictimClient.Response(
            status: response.status, body: response.body, retryAfter: response.fields.value("retry-after"))
    }

    /// A task that waits for an answer, and goes on at the first thing that comes.
    private final class Waiting: Sendable {
        private enum State {
            case before
            case under(CheckedContinuation<ClientResponse, any Error>)
            case over
        }
        private let state = Mutex(State.before)

        /// False where the end came first; the task goes on then.
        func begin(_ continuation: CheckedContinuation<ClientResponse, any Error>) -> Bool {
            let begins = state.withLock { state in
                guard case .before = state else { return false }
                state = .under(continuation)
                return true
            }
            if !begins { continuation.resume(throwing: ClientError.interrupted) }
            return begins
        }

        /// Hands over what came; later ones are of no use.
        func end(_ result: Result<ClientResponse, any Error>) {
            let continuation = state.withLock { state in
                defer { state = .over }
                guard case .under(let continuation) = state else {
                    return CheckedContinuation<ClientResponse, any Error>?.none
                }
                return continuation
            }
            continuation?.resume(with: result)
        }
    }

    private func made() -> Lent {
        Lent(url.client(timeout: timeout, answerBytesMax: answerBytesMax))
    }
}
