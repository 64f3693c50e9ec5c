import Glibc
import Synchronization

/// Ends what a client's thread is waiting for, from another thread, and everything it is asked later.
package final class Interruption: Sendable {
    private struct State {
        var socket: Int32?
        var isRaised = false
    }
    private let state = Mutex(State())

    /// Not raised yet.
    package init() {}

    /// **Runs on** any thread.
    package func raise() {
        state.withLock { state in
            state.isRaised = true
            // Whoever polls it wakes up; who owns it closes it.
            if let socket = state.socket { _ = shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }

    /// Whether it was raised.
    package var isRaised: Bool { state.withLock(\.isRaised) }

    /// The client waits for this socket from here on; false where it is to go no further.
    func note(_ socket: Int32) -> Bool {
        state.withLock { state in
            guard !state.isRaised else { return false }
            state.socket = socket
            return true
        }
    }

    /// The socket is about to be closed.
    func forget() { state.withLock { $0.socket = nil } }
}
