import Glibc
import Synchronization

/// Where diagnostics go: a descriptor whose reader may be slow, stand still or be gone.
///
/// Event loops write here, so none may wait for a reader for long. While a pipe is full lines are dropped and counted; when it is
/// read again, the first line says how many are missing.
package final class DiagnosticOutput: Sendable {
    /// How long a reader that has kept up so far may take. **Units**: milliseconds.
    private static let patience: Int32 = 20
    /// A pipe that is ready takes as many bytes without making the writer wait.
    private static let pieceBytes = Int(PIPE_BUF)

    private struct State {
        /// Lines that nobody has taken since the last one that was written.
        var dropped: UInt64 = 0
        /// The last line was cut in its middle.
        var isWithinLine = false
    }

    private let descriptor: Int32
    private let state = Mutex(State())

    /// Writes to the descriptor, which it does not own.
    package init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Writes one finished line, or drops it. Lines of several threads do not mix.
    package func write(_ line: [UInt8]) {
        state.withLock { state in
            // Whoever stood still a moment ago is not waited for again.
            var patience = state.dropped == 0 ? Self.patience : 0
            if state.dropped > 0 {
                guard put(Self.notice(state)[...], &patience) > 0 else { return state.dropped += 1 }
                state = State()
            }
            var rest = line[...]
            while !rest.isEmpty {
                let count = put(rest.prefix(Self.pieceBytes), &patience)
                guard count > 0 else {
                    return state = State(dropped: 1, isWithinLine: rest.startIndex > 0)
                }
                rest = rest.dropFirst(count)
            }
        }
    }

    private static func notice(_ state: State) -> [UInt8] {
        let text =
            "\(WallTime.now().rfc3339) warning samegate: lines lost that nobody read lines=\(state.dropped)\n"
        return Array(((state.isWithinLine ? "\n" : "") + text).utf8)
    }

    /// Writes what goes at once; returns how many bytes went, 0 where none did.
    private func put(_ piece: ArraySlice<UInt8>, _ patience: inout Int32) -> Int {
        guard isReady(within: patience) else { return 0 }
        patience = Self.patience
        return piece.withUnsafeBytes { max(0, Glibc.write(descriptor, $0.baseAddress, $0.count)) }
    }

    /// Whether a piece can be written now. Where nobody reads any more it can: it comes back at once, and is lost.
    private func isReady(within milliseconds: Int32) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&request, 1, milliseconds) > 0
    }
}
