import Dispatch
import Foundation
import Glibc
import HTTPWire
import Proxy
import Synchronization
import Testing
import Transport

@testable import Secure

/// A handler made of a closure.
final class ClosureHandler: RequestHandler {
    let body: @Sendable (Exchange) -> Void
    let outcomes = Mutex<[ExchangeOutcome]>([])
    init(_ body: @escaping @Sendable (Exchange) -> Void) { self.body = body }
    func handle(_ exchange: Exchange) { body(exchange) }
    func finished(_ outcome: ExchangeOutcome, of request: RequestHead) {
        outcomes.withLock { $0.append(outcome) }
    }
}

/// A server on loopback, in clear text where no security is given.
final class TestServer {
    let group: LoopGroup
    let server: ProxyServer
    let handler: ClosureHandler
    let clock = ManualClock()
    let security: ServerSecurity?

    init(
        _ settings: ServerSecuritySettings?, proxy: ProxySettings = ProxySettings(),
        _ body: @escaping @Sendable (Exchange) -> Void = { $0.respond(plain("hello")) }
    ) throws {
        group = try LoopGroup(count: 2, clock: clock)
        let clock = clock
        security = try settings.map { try ServerSecurity($0, clock: clock) }
        handler = ClosureHandler(body)
        let listener = try Listener(
            binding: try #require(SocketAddress(host: "127.0.0.1", port: 0)), security: security)
        server = ProxyServer(listeners: [listener], loops: group, settings: proxy, handler: handler)
        try server.start()
    }

    var port: UInt16 { server.addresses[0].port }
    var counters: ProxyCounters { server.counters }
    /// What a failure should say of it.
    var standing: String {
        func count(_ counter: borrowing Atomic<Int>) -> Int { counter.load(ordering: .relaxed) }
        return "open \(count(counters.connections)), accepting paused \(count(counters.acceptPauses)) times, "
            + "handshakes failed \(count(counters.handshakesFailed)), descriptors \(openDescriptors())"
    }

    func stop() {
        let done = DispatchSemaphore(value: 0)
        server.drain(deadline: .zero) { @Sendable in done.signal() }
        clock.advance(by: .seconds(1))
        while done.wait(timeout: .now() + .milliseconds(20)) == .timedOut { clock.advance(by: .seconds(1)) }
        group.shutdown { @Sendable in done.signal() }
        done.wait()
    }

    deinit { stop() }

    // MARK: Independent peers

    /// One GET by curl, which trusts the good authority.
    func curl(_ arguments: [String] = [], path: String = "/") -> Ran {
        run(
            "curl",
            ["-sS", "--cacert", PKI.shared.path("good-ca.pem"), "--noproxy", "*"] + arguments
                + ["https://localhost:\(port)\(path)", "--resolve", "localhost:\(port):127.0.0.1"])
    }

    /// One GET through `openssl s_client`, which prints what the handshake agreed on.
    func client(
        _ arguments: [String] = [], request: String = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
        -> Ran
    {
        run(
            "openssl",
            [
                "s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", PKI.shared.path("good-ca.pem"),
                "-ign_eof",
            ]
                + arguments,
            input: request)
    }

    func connect() -> RawSocket { RawSocket(port: port) }
}

/// Settings with these certificates of the test's own, by name.
func serving(
    _ names: String..., change: (inout ServerSecuritySettings) -> Void = { _ in }
) -> ServerSecuritySettings {
    var settings = ServerSecuritySettings(certificates: names.map(pair))
    change(&settings)
    return settings
}

/// A certificate of the test's own with its key.
func pair(_ name: String) -> ServerSecuritySettings.Pair {
    ServerSecuritySettings.Pair(
        certificateFile: PKI.shared.path(name + ".pem"), keyFile: PKI.shared.path(name + ".key"))
}

/// `200` with a text.
func plain(_ text: String) -> Response {
    Response(status: 200, contentType: "text/plain", body: Array(text.utf8))
}

/// How many descriptors this process has open.
func openDescriptors() -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? -1
}

/// A plain blocking socket with a limit on every wait.
final class RawSocket: @unchecked Sendable {
    // because: a test uses it from one thread at a time.
    let raw: Int32

    init(port: UInt16) {
        raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(result == 0, "connect: \(errno)")
    }

    deinit { close(raw) }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(raw, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// All bytes to the end of the stream, or nil when it does not end in time.
    func receiveAll() -> [UInt8]? {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(raw, &buffer, buffer.count, 0)
            if count < 0 && errno == EINTR { continue }
            if count == 0 || (count < 0 && errno == ECONNRESET) { return all }
            guard count > 0 else { return nil }
            all += buffer[..<count]
        }
    }

    /// Text up to the first read that ends with `ending`, or nil when that does not come.
    func receive(through ending: String) -> String? {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while !String(decoding: all, as: UTF8.self).hasSuffix(ending) {
            let count = recv(raw, &buffer, buffer.count, 0)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return nil }
            all += buffer[..<count]
        }
        return String(decoding: all, as: UTF8.self)
    }

    func shutdownWrite() { _ = Glibc.shutdown(raw, Int32(SHUT_WR)) }
}
