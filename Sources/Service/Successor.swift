import CPosix
import Dispatch
import Foundation
import Synchronization
import Transport

/// Starts the program anew, from the file that it was started from, and hands it the listening sockets.
///
/// Both processes then accept from the same sockets, so the kernel's queue is never without a reader and no connection is
/// refused or reset. The successor is given them by the protocol of socket activation, and a pipe on which it says that it
/// serves; the predecessor drains only after that, and goes on when the successor ends, or is ended, without a word. SO_REUSEPORT was
/// rejected: each process would have a queue of its own, and what waits in the predecessor's is reset when it closes.
package final class Successor: Sendable {
    /// What became of a successor.
    package enum Outcome: Sendable, Equatable {
        /// It serves: its process id.
        case serves(Int32)
        /// It ended before it served, or was ended for taking too long; why, as far as is known.
        case failed(String)
    }

    /// The variable with the number of the descriptor that the word is expected on.
    package static let readyVariable = "SAMEGATE_READY_FD"

    /// The variable with the number of the stream on which the successor asks for what the predecessor keeps.
    package static let stateVariable = "SAMEGATE_STATE_FD"

    /// How long a successor may take.
    struct Limits {
        /// Until it serves. Models may be large, but one that hangs would block every other.
        var ready = Duration.seconds(120)
        /// From the word to end until it is killed.
        var grace = Duration.seconds(5)
    }

    private let program: String
    private let arguments: [String]
    private let limits: Limits
    private let unready = UnreadyProcess()
    private let isUnderWay = Mutex(false)
    private let queue = DispatchQueue(label: "samegate.successor")

    /// Remembers the file of the running program while it is still there under its name. **Throws** when that is not known.
    package init(arguments: [String]) throws(ServiceError) {
        do {
            program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        } catch {
            throw .system(operation: "find the file of this program", code: ENOENT)
        }
        self.arguments = arguments
        limits = Limits()
    }

    init(program: String, arguments: [String], limits: Limits) {
        self.program = program
        self.arguments = arguments
        self.limits = limits
    }

    /// Starts it with these sockets; `asked` runs on some queue when it asks for what this process keeps, `completion` when it
    /// serves or has ended. Returns false when one is being started already. **Throws** when it cannot be started.
    package func start(
        _ listeners: [(name: String, listener: Listener)],
        asked: @escaping @Sendable (StateStream) -> Void = { _ in },
        _ completion: @escaping @Sendable (Outcome) -> Void
    ) throws(ServiceError) -> Bool {
        let isFirst = isUnderWay.withLock { isUnderWay in
            defer { isUnderWay = true }
            return !isUnderWay
        }
        guard isFirst else { return false }
        do throws(ServiceError) {
            try begin(listeners, asked, completion)
        } catch {
            isUnderWay.withLock { $0 = false }
            throw error
        }
        return true
    }

    private func begin(
        _ listeners: [(name: String, listener: Listener)],
        _ asked: @escaping @Sendable (StateStream) -> Void,
        _ completion: @escaping @Sendable (Outcome) -> Void
    ) throws(ServiceError) {
        var ends: [Int32] = [0, 0]
        try ServiceError.check(cposix_pipe(&ends), "make a pipe")
        let reading = Descriptor(owning: ends[0])
        let writing = Descriptor(owning: ends[1])
        // The child puts them in place from number 3 on: the originals must lie above.
        let least = Int32(3 + listeners.count + 2)
        var copies: [Int32] = []
        defer { for copy in copies { cposix_close(copy) } }
        for (_, listener) in listeners {
            copies.append(try Self.copy(of: listener, above: least))
        }
        copies.append(
            try ServiceError.check(cposix_duplicate_above(writing.raw, least), "duplicate a descriptor"))
        let (mine, theirs) = try StateStream.pair()
        copies.append(
            try ServiceError.check(cposix_duplicate_above(theirs.raw, least), "duplicate a descriptor"))
        let process = try spawn(copies, names: listeners.map(\.name))
        unready.begin(process)
        listen(process, on: reading.release(), completion)
        // Ends with the successor, or when its stream does: an older program never asks.
        DispatchQueue(label: "samegate.successor.state").async { @Sendable in
            if mine.awaitRequest() { asked(mine) }
        }
    }

    private static func copy(of listener: Listener, above least: Int32) throws(ServiceError) -> Int32 {
        guard let descriptor = try? listener.duplicateDescriptor() else {
            throw .system(operation: "duplicate a listener", code: EMFILE)
        }
        return try ServiceError.check(
            cposix_duplicate_above(descriptor.raw, least), "duplicate a descriptor")
    }

    private func spawn(_ descriptors: [Int32], names: [String]) throws(ServiceError) -> Int32 {
        var environment = ProcessInfo.processInfo.environment
        // The manager watches whichever process it knows as the service's; a number would be the predecessor's.
        environment["WATCHDOG_PID"] = nil
        environment[Parent.variable] = nil
        environment["LISTEN_FDS"] = "\(names.count)"
        environment["LISTEN_FDNAMES"] = names.joined(separator: ":")
        environment[Self.readyVariable] = "\(3 + names.count)"
        environment[Self.stateVariable] = "\(3 + names.count + 1)"
        environment["LISTEN_PID"] = nil
        var strings = environment.map { strdup("\($0.key)=\($0.value)") }
        let room = 16
        let label = "LISTEN_PID="
        let slot = strdup(label + String(repeating: "0", count: room))
        strings.append(slot)
        strings.append(nil)
        var words = arguments.map { strdup($0) } + [nil]
        defer { for text in strings + words { free(text) } }
        guard let slot else { throw .system(operation: "start the successor", code: ENOMEM) }
        return try ServiceError.check(
            cposix_start_successor(
                program, &words, &strings, slot + label.utf8.count, room, descriptors,
                Int32(descriptors.count)),
            "start \(program)")
    }

    /// Waits at the pipe for the word, its end or the end of the time, on a queue of its own: nothing else waits there.
    private func listen(
        _ process: Int32, on raw: Int32, _ completion: @escaping @Sendable (Outcome) -> Void
    ) {
        queue.async { @Sendable [self] in
            let pipe = Descriptor(owning: raw)
            let word = Self.word(on: pipe.raw, within: limits.ready)
            if word == .serves {
                unready.forget()
                return completion(.serves(process))
            }
            // A pipe that is closed comes a moment before its process's end can be told.
            if word == .late || !unready.waitForEnd(within: .seconds(2)) { unready.end(within: limits.grace) }
            let reason =
                word == .late ? "it did not serve within \(limits.ready)" : Self.reason(unready.status)
            guard !unready.isWithdrawn else { return }
            unready.forget()
            isUnderWay.withLock { $0 = false }
            completion(.failed(reason))
        }
    }

    private enum Word { case serves, ended, late }

    private static func word(on pipe: Int32, within limit: Duration) -> Word {
        let deadline = ContinuousClock.now + limit
        while true {
            let left = max(.zero, deadline - .now) / .milliseconds(1)
            var watched = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
            let count = poll(&watched, 1, Int32(clamping: Int(left.rounded(.up))))
            if count == 0 { return .late }
            guard count > 0 else {
                if errno == EINTR { continue }
                return .ended
            }
            var byte: UInt8 = 0
            return cposix_read_byte(pipe, &byte) == 1 ? .serves : .ended
        }
    }

    /// Ends a successor that does not serve yet, and starts none from here on; `completion` runs on some queue when there is
    /// none, at once where that is so now.
    package func withdraw(_ completion: @escaping @Sendable () -> Void) {
        isUnderWay.withLock { $0 = true }
        guard unready.withdraw() else { return completion() }
        DispatchQueue.global().async { @Sendable [self] in
            unready.end(within: limits.grace)
            completion()
        }
    }

    private static func reason(_ status: Int32) -> String {
        guard status > 0 else { return "it closed its pipe without a word" }
        let status = status - 1
        if status & 0x7F == 0 {
            return "it exited with \(status >> 8 & 0xFF); its own log says why"
        }
        return "it was ended by signal \(status & 0x7F)"
    }

    // MARK: In the successor

    /// Tells the predecessor that this process serves, if there is one; not twice.
    package static func tellPredecessor(_ environment: [String: String]) {
        guard let text = environment[readyVariable], let raw = Int32(text), raw > 2 else { return }
        unsetenv(readyVariable)
        let owner = Descriptor(owning: raw)
        _ = cposix_write_byte(owner.raw, 1)
    }
}
