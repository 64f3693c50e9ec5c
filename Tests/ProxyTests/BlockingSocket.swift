import Glibc
import Synchronization
import Transport

/// A plain blocking socket, the opposite of what is tested, with a limit on every wait.
final class BlockingSocket: @unchecked Sendable {
    // because: a test uses it from one thread at a time.
    let raw: Int32
    /// A number that is closed may be another test's next.
    private let isOpen = Mutex(true)

    init(_ raw: Int32, receiveBuffer: Int32? = nil) {
        self.raw = raw
        limitWaits(seconds: 60)
    }

    /// No wait lasts longer; 0 for no limit.
    func limitWaits(seconds: Int) {
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(raw, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close() }

    static func connect(to address: SocketAddress, receiveBuffer: Int32? = nil) -> BlockingSocket {
        let raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        if var size = receiveBuffer {
            setsockopt(raw, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        return BlockingSocket(connecting: raw, to: address)
    }

    /// Connects a socket that has been made before.
    convenience init(connecting raw: Int32, to address: SocketAddress) {
        var name = Self.loopback(address.port)
        let result = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(result == 0, "connect: \(errno)")
        self.init(raw)
    }

    /// A listening socket on a free port.
    static func listening(backlog: Int32 = 64) -> (BlockingSocket, port: UInt16) {
        let (socket, port) = bound()
        _ = Glibc.listen(socket.raw, backlog)
        return (socket, port)
    }

    /// A socket that has a port and refuses whoever comes there.
    static func bound() -> (BlockingSocket, port: UInt16) {
        let raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var name = loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = Glibc.bind(raw, $0, length)
                _ = getsockname(raw, $0, &length)
            }
        }
        return (BlockingSocket(raw), UInt16(bigEndian: name.sin_port))
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = inet_addr("127.0.0.1")
        return name
    }

    func accept() -> BlockingSocket? {
        var connection: Int32 = 0
        repeat { connection = Glibc.accept(raw, nil, nil) } while connection < 0 && errno == EINTR
        return connection < 0 ? nil : BlockingSocket(connection)
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Int {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(raw, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { break }
            sent += count
        }
        return sent
    }

    /// Sends what the socket takes without waiting.
    func sendWithoutWaiting(_ bytes: [UInt8]) -> Int {
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        return bytes.withUnsafeBytes { Glibc.send(raw, $0.baseAddress, bytes.count, flags) }
    }

    /// Whether something has come that was not taken.
    var hasBytes: Bool {
        var byte: UInt8 = 0
        return recv(raw, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
    }

    /// The next bytes, or nil at the end of the stream or when the wait is over.
    func receive(max: Int = 65536) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: max)
        var count = 0
        repeat { count = recv(raw, &buffer, max, 0) } while count < 0 && errno == EINTR
        guard count > 0 else { return nil }
        return Array(buffer[..<count])
    }

    /// All bytes to the end of the stream.
    func receiveAll() -> String {
        var all = behind
        behind = []
        while let bytes = receive() { all += bytes }
        return String(decoding: all, as: UTF8.self)
    }

    private var behind: [UInt8] = []

    /// Bytes up to and with `mark`.
    func receive(through mark: String) -> String? {
        let wanted = Array(mark.utf8)
        var all = behind
        behind = []
        while true {
            if let end = all.indexAfter(wanted) {
                behind = Array(all[end...])
                return String(decoding: all[..<end], as: UTF8.self)
            }
            guard let bytes = receive() else { return nil }
            all += bytes
        }
    }

    /// Exactly `count` bytes.
    func receive(exactly count: Int) -> [UInt8]? {
        var all = behind
        behind = []
        while all.count < count {
            guard let bytes = receive() else { return nil }
            all += bytes
        }
        behind = Array(all[count...])
        return Array(all[..<count])
    }

    func shutdownWrite() { _ = Glibc.shutdown(raw, Int32(SHUT_WR)) }

    /// Wakes whoever waits in it.
    func shutdownBoth() {
        isOpen.withLock { isOpen in
            if isOpen { _ = Glibc.shutdown(raw, Int32(SHUT_RDWR)) }
        }
    }

    func close() {
        isOpen.withLock { isOpen in
            guard isOpen else { return }
            isOpen = false
            Glibc.shutdown(raw, Int32(SHUT_RDWR))
            Glibc.close(raw)
        }
    }

    /// Closes with a reset.
    func reset() {
        isOpen.withLock { isOpen in
            guard isOpen else { return }
            isOpen = false
            var now = linger(l_onoff: 1, l_linger: 0)
            setsockopt(raw, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
            Glibc.close(raw)
        }
    }
}

extension [UInt8] {
    func indexAfter(_ mark: [UInt8]) -> Int? {
        guard count >= mark.count else { return nil }
        for start in 0...(count - mark.count) where self[start] == mark[0] {
            if self[start..<start + mark.count].elementsEqual(mark) { return start + mark.count }
        }
        return nil
    }
}

/// An answer as a client sees it.
struct Answer: Equatable {
    var head: String
    var body: String
    var status: Int { Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0 }

    func field(_ name: String) -> String? {
        for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix(name.lowercased() + ":") {
            return String(line.drop { $0 != ":" }.dropFirst().drop { $0 == " " })
        }
        return nil
    }
}

extension BlockingSocket {
    /// One answer, framed as its head says; nil when the stream ends before.
    func answer(toHead: Bool = false) -> Answer? {
        guard let head = receive(through: "\r\n\r\n") else { return nil }
        var answer = Answer(head: head, body: "")
        if toHead || answer.status == 204 || answer.status == 304 || answer.status < 200 { return answer }
        if let length = answer.field("content-length").flatMap({ Int($0) }) {
            guard let body = receive(exactly: length) else { return nil }
            answer.body = String(decoding: body, as: UTF8.self)
        } else if answer.field("transfer-encoding") == "chunked" {
            guard let body = chunks() else { return nil }
            answer.body = body
        } else {
            answer.body = receiveAll()
        }
        return answer
    }

    private func chunks() -> String? {
        var body: [UInt8] = []
        while let line = receive(through: "\r\n") {
            guard let size = Int(line.dropLast(), radix: 16) else { return nil }
            if size == 0 {
                return receive(through: "\r\n").map { _ in String(decoding: body, as: UTF8.self) }
            }
            guard let data = receive(exactly: size + 2) else { return nil }
            body += data.dropLast(2)
        }
        return nil
    }
}
