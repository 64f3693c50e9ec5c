import CPosix
import Glibc
import Transport

/// The stream between a process and its successor on which what is kept in memory changes hands.
///
/// A message is its length in four bytes, big-endian, and so many bytes. The successor asks once; from then on the other
/// side alone speaks. Both ends give up after `patience` without progress.
package final class StateStream: Sendable {
    /// How long one step may take. **Units**: seconds.
    static let patience: Int32 = 10
    /// The largest message. **Units**: bytes.
    package static let messageBytesMax = 256 << 20

    let raw: Int32

    private init(owning raw: Int32) { self.raw = raw }

    deinit { cposix_close(raw) }

    /// Both ends, for tests and for the one who starts a successor.
    package static func pair() throws(ServiceError) -> (StateStream, StateStream) {
        var ends: [Int32] = [0, 0]
        try ServiceError.check(cposix_stream_pair(&ends, patience), "make a stream")
        return (StateStream(owning: ends[0]), StateStream(owning: ends[1]))
    }

    /// The stream to this process's predecessor, if there is one that hands something over.
    package init?(_ environment: [String: String]) {
        guard let text = environment[Successor.stateVariable], let raw = Int32(text), raw > 2 else {
            return nil
        }
        unsetenv(Successor.stateVariable)
        guard cposix_adopt_stream(raw, Self.patience) >= 0 else { return nil }
        self.raw = raw
    }

    /// Asks the predecessor to begin; false when it is gone.
    package func request() -> Bool {
        var byte: UInt8 = 1
        return cposix_send_all(raw, &byte, 1) >= 0
    }

    /// Waits for the successor's request, however long it takes to start; false when it has ended or does not ask.
    package func awaitRequest() -> Bool {
        var byte: UInt8 = 0
        while true {
            let result = cposix_receive_all(raw, &byte, 1)
            if result != -EAGAIN { return result == 1 }
        }
    }

    /// Sends a message; false when it is too large, or nobody takes it in time.
    package func send(_ message: [UInt8]) -> Bool {
        guard message.count <= Self.messageBytesMax else { return false }
        var length = UInt32(message.count).bigEndian
        return cposix_send_all(raw, &length, 4) >= 0 && cposix_send_all(raw, message, message.count) >= 0
    }

    /// The next message; nil at the end, or when none comes in time unless `waits`.
    package func receive(waits: Bool = false) -> [UInt8]? {
        var length: UInt32 = 0
        var result = cposix_receive_all(raw, &length, 4)
        while result == -EAGAIN, waits { result = cposix_receive_all(raw, &length, 4) }
        let count = Int(UInt32(bigEndian: length))
        guard result == 1, count <= Self.messageBytesMax else { return nil }
        var message = [UInt8](repeating: 0, count: count)
        guard count == 0 || cposix_receive_all(raw, &message, count) == 1 else { return nil }
        return message
    }
}
