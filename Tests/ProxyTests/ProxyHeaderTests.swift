import Dispatch
import Foundation
import Glibc
import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Connections that proxies in front pass on")
struct ProxyHeaderTests {
    /// A server whose listener asks for a PROXY header of these networks; it answers with who it takes the client for.
    private final class Server {
        let group: LoopGroup
        let server: ProxyServer
        let clock = ManualClock()

        init(
            from networks: [String] = ["127.0.0.0/8"], change: (inout ProxySettings) -> Void = { _ in }
        ) throws {
            group = try LoopGroup(count: 2, clock: clock)
            var settings = ProxySettings()
            change(&settings)
            let handler = ClosureHandler { $0.respond(plain("\($0.peer) \($0.client.host)")) }
            let listener = try Listener(
                binding: try #require(SocketAddress(host: "127.0.0.1", port: 0)),
                intake: ProxyHeaderIntake(proxies: networks.compactMap { AddressPrefix($0) }))
            server = ProxyServer(
                listeners: [listener], loops: group, settings: settings, handler: handler)
            try server.start()
        }

        func connect() -> BlockingSocket { BlockingSocket.connect(to: server.addresses[0]) }
        var refused: Int { server.counters.proxyHeadersRefused.load(ordering: .relaxed) }
        var connections: Int { server.counters.connections.load(ordering: .relaxed) }

        func stop() {
            let done = DispatchSemaphore(value: 0)
            server.drain(deadline: .zero) { @Sendable in done.signal() }
            while done.wait(timeout: .now() + .milliseconds(20)) == .timedOut {
                clock.advance(by: .seconds(1))
            }
            group.shutdown { @Sendable in done.signal() }
            done.wait()
        }

        deinit { stop() }
    }

    private static let get = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    private static let line = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n"

    @Test(
        "the address in the header is the peer's, whether it comes in one piece or byte by byte",
        arguments: [true, false])
    func pieces(isWhole: Bool) throws {
        let server = try Server()
        let client = server.connect()
        let text = Self.line + Self.get
        if isWhole { client.send(text) } else { for byte in text.utf8 { client.send([byte]) } }
        #expect(client.answer()?.body == "192.0.2.7:4711 192.0.2.7")
        client.close()
        #expect(eventually("it is closed") { server.connections == 0 } && server.refused == 0)
    }

    @Test("curl's own header names curl's address")
    func curl() throws {
        let server = try Server()
        let output = Pipe()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = [
            "20", "curl", "-sS", "--noproxy", "*", "--haproxy-protocol",
            "http://\(server.server.addresses[0])/",
        ]
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(text.hasPrefix("127.0.0.1:") && text.hasSuffix(" 127.0.0.1"), "\(text)")
    }

    @Test(
        "HAProxy's headers name its client",
        .enabled(if: RunningProgram.isThere(RunningProgram.haproxy), "HAProxy is not installed"),
        arguments: ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options unique-id,crc32c"])
    func haproxy(option: String) throws {
        let server = try Server()
        let folder = NSTemporaryDirectory() + "samegate-haproxy-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (probe, port) = BlockingSocket.listening()
        probe.close()
        let unique = option.contains("unique-id") ? "unique-id-format %Ts" : ""
        try Data(
            """
            defaults
              mode tcp
              timeout connect 5s
              timeout client 5s
              timeout server 5s
            frontend f
              bind 127.0.0.1:\(port)
              \(unique)
              default_backend b
            backend b
              server s \(server.server.addresses[0]) \(option)

            """.utf8
        ).write(to: URL(fileURLWithPath: folder + "/c"))
        let haproxy = try RunningProgram(RunningProgram.haproxy, ["-db", "-f", folder + "/c"])
        defer { haproxy.stop() }
        let address = try #require(SocketAddress(host: "127.0.0.1", port: port))
        #expect(eventually("HAProxy listens") { BlockingSocket.canConnect(to: address) })
        let client = BlockingSocket.connect(to: address)
        client.send(Self.get)
        #expect(client.answer()?.body == "127.0.0.1:\(client.localPort) 127.0.0.1")
    }

    @Test("a connection from elsewhere is refused, header or not")
    func stranger() throws {
        let server = try Server(from: ["10.0.0.0/8"])
        let client = server.connect()
        client.send(Self.line + Self.get)
        #expect(client.receiveAll() == "")
        #expect(eventually("it is refused") { server.refused == 1 && server.connections == 0 })
    }

    @Test("a connection without a header is refused, and nothing of it reaches a handler")
    func missing() throws {
        let server = try Server()
        for text in [Self.get, "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "\r\n\r\n\0\r\nQUIX"] {
            let client = server.connect()
            client.send(text)
            #expect(client.receiveAll() == "")
        }
        #expect(eventually("all are refused") { server.refused == 3 && server.connections == 0 })
        #expect(server.server.counters.requests == 0)
    }

    @Test("a header that does not come in time, or is cut, is refused")
    func late() throws {
        let server = try Server()
        let client = server.connect()
        client.send("PROXY TCP4 192.0.2.7")
        #expect(eventually("it is there") { server.connections == 1 })
        server.clock.advance(by: .seconds(6))
        #expect(client.receiveAll() == "")
        let cut = server.connect()
        cut.send("PROXY TCP4 192.0.2.7")
        cut.shutdownWrite()
        #expect(cut.receiveAll() == "")
        #expect(eventually("both are refused") { server.refused == 2 && server.connections == 0 })
    }

    @Test("LOCAL and UNKNOWN leave the connection's own address")
    func own() throws {
        let server = try Server()
        let local: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x20, 0, 0, 0]
        for header in [local, Array("PROXY UNKNOWN\r\n".utf8)] {
            let client = server.connect()
            client.send(header + Array(Self.get.utf8))
            #expect(client.answer()?.body == "127.0.0.1:\(client.localPort) 127.0.0.1")
        }
    }

    @Test("connections are limited by the client that the header names")
    func limits() throws {
        let server = try Server { $0.limits.connectionsPerClientMax = 1 }
        func open(_ host: String) -> BlockingSocket {
            let client = server.connect()
            client.send("PROXY TCP4 \(host) 198.51.100.1 4711 80\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")
            return client
        }
        let first = open("192.0.2.7")
        #expect(first.answer()?.status == 200)
        #expect(open("192.0.2.8").answer()?.status == 200)
        #expect(open("192.0.2.7").answer()?.status == 429)
    }

    @Test(
        "who says whose a connection is within a drain's idle grace is answered, once, and who does not is let go"
    )
    func drainWithGrace() throws {
        let server = try Server()
        let (client, silent) = (server.connect(), server.connect())
        #expect(eventually("they are there") { server.connections == 2 })
        let done = DispatchSemaphore(value: 0)
        server.server.drain(deadline: .seconds(60), idleGrace: .seconds(3)) { @Sendable in done.signal() }
        for loop in server.group.loops { loop.sync { @Sendable in } }
        client.send(Self.line + "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        let answer = try #require(client.answer())
        #expect(answer.status == 200 && answer.field("connection") == "close")
        #expect(done.wait(timeout: .now() + .milliseconds(20)) == .timedOut)
        server.clock.advance(by: .seconds(4))
        #expect(silent.receiveAll() == "")
        client.shutdownWrite()
        #expect(done.wait(timeout: .now() + 60) == .success)
    }

    @Test("a drain ends connections that have not said whose they are")
    func drain() throws {
        let server = try Server()
        let client = server.connect()
        #expect(eventually("it is there") { server.connections == 1 })
        server.stop()
        #expect(client.receiveAll() == "")
        #expect(eventually("it is gone") { server.connections == 0 })
    }
}

extension BlockingSocket {
    /// Whether somebody listens there.
    static func canConnect(to address: SocketAddress) -> Bool {
        let raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { Glibc.close(raw) }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = address.port.bigEndian
        name.sin_addr.s_addr = inet_addr("127.0.0.1")
        return withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    /// The port of this end.
    var localPort: UInt16 {
        var name = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(raw, $0, &length) }
        }
        return UInt16(bigEndian: name.sin_port)
    }
}
