import Dispatch
import Glibc
import Synchronization
import Testing

@testable import Transport

/// Lines from any thread.
final class Log: Sendable {
    private let kept = Mutex<[String]>([])
    var lines: [String] { kept.withLock { $0 } }
    func add(_ line: String) { kept.withLock { $0.append(line) } }
}

/// A channel that logs what happens to it and echoes what it reads.
final class EchoChannel: StreamChannel, @unchecked Sendable {
    // because: confined to its loop.
    let log: Log

    init(loop: EventLoop, owning raw: Int32, log: Log) {
        self.log = log
        super.init(loop: loop, owning: raw)
    }

    override func receivedEvent(_ readiness: Readiness) {
        note(readiness)
        while isOpen, canRead {
            switch receive(into: loop.scratch) {
            case .bytes(let count):
                log.add("bytes \(count)")
                write(UnsafeRawBufferPointer(rebasing: loop.scratch[..<count]))
            case .endOfFile:
                log.add("end")
                close()
            case .wouldBlock: break
            case .failed: close()
            }
        }
        if isOpen { flush() }
    }

    override func channelClosed() { log.add("closed") }
}

/// A connected pair of non-blocking descriptors.
func socketPair() -> (Int32, Int32) {
    var pair: [Int32] = [0, 0]
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    _ = socketpair(AF_UNIX, kind, 0, &pair)
    return (pair[0], pair[1])
}
