import Dispatch
import Foundation
import HTTPWire
import Proxy
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Secure

@Suite("Bytes through TLS")
struct TransferTests {
    @Test("large bodies pass both ways through TLS on both sides", arguments: ["1.2", "1.3"])
    func large(version: String) throws {
        let origin = try TestServer(serving("plain")) { exchange in
            exchange.collectBody(bytesMax: 8 << 20) { body in
                exchange.respond(Response(status: 200, contentType: "application/octet-stream", body: body))
            }
        }
        var settings = ClientSecuritySettings(serverName: "localhost")
        settings.authorityFile = PKI.shared.path("good-ca.pem")
        let upstream = Upstream(
            settings: UpstreamSettings(
                name: "origin", endpoint: Endpoint(host: "127.0.0.1", port: origin.port)),
            security: try ClientSecurity(settings))
        defer { upstream.close() }
        let server = try TestServer(serving("plain")) { $0.stream(to: upstream) }
        let file = NSTemporaryDirectory() + "samegate-body-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        var generator = SystemRandomNumberGenerator()
        let body = Data((0..<(6 << 17)).flatMap { _ in withUnsafeBytes(of: generator.next()) { Array($0) } })
        try body.write(to: URL(fileURLWithPath: file))
        for framing in [[], ["-H", "Transfer-Encoding: chunked"]] {
            let ran = server.curl(
                ["--tls-max", version, "--data-binary", "@\(file)", "-o", file + ".back"] + framing)
            #expect(ran.status == 0, "\(ran.error)")
            let back = try Data(contentsOf: URL(fileURLWithPath: file + ".back"))
            #expect(back == body)
            try? FileManager.default.removeItem(atPath: file + ".back")
        }
    }

    @Test("answers that come while a burst of requests is being sent are taken for what they are")
    func early() throws {
        let origin = try TestServer(serving("plain")) { $0.respond(plain("answer")) }
        var settings = ClientSecuritySettings(serverName: "localhost")
        settings.authorityFile = PKI.shared.path("good-ca.pem")
        let upstream = Upstream(
            settings: UpstreamSettings(
                name: "origin", endpoint: Endpoint(host: "127.0.0.1", port: origin.port)),
            security: try ClientSecurity(settings))
        defer { upstream.close() }
        let server = try TestServer(nil) { $0.stream(to: upstream) }
        let clients = (0..<32).map { _ in server.connect() }
        for _ in 0..<20 {
            // They are all there when the loops look for events.
            let stand = DispatchSemaphore(value: 0)
            for loop in server.group.loops { loop.execute { @Sendable in stand.wait() } }
            for client in clients { client.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8)) }
            for _ in server.group.loops { stand.signal() }
            for client in clients { #expect(client.receive(through: "answer") != nil) }
        }
        #expect(upstream.retriedCount == 0 && upstream.failedCount == 0)
    }

    @Test("a client that does not read holds its upstream back instead of filling memory")
    func pressure() throws {
        let sent = SentBytes()
        let origin = EndlessOrigin(sent)
        let upstream = Upstream(
            settings: UpstreamSettings(
                name: "origin", endpoint: Endpoint(host: "127.0.0.1", port: origin.port)))
        defer { upstream.close() }
        let server = try TestServer(serving("plain")) { $0.stream(to: upstream) }
        // s_client stops reading once nobody takes what it prints.
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = ["s_client", "-connect", "127.0.0.1:\(server.port)", "-quiet"]
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        #expect(eventually("the upstream is held back") { sent.isHeldBack })
        // Two sockets' buffers at each of two hops, and ours: far below the 1 GiB that it would send.
        #expect(sent.count < 64 << 20)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(eventually("freed") { server.counters.connections.load(ordering: .relaxed) == 0 })
    }

    @Test("what ends without close_notify inside an answer is not taken for whole (RFC 8446 §6.1)")
    func truncation() throws {
        // The test's own TLS end over a socket pair, so that the cut can be made where it hurts.
        let security = try ServerSecurity(serving("plain"))
        var settings = ClientSecuritySettings(serverName: "localhost")
        settings.authorityFile = PKI.shared.path("good-ca.pem")
        let client = try ClientSecurity(settings)
        for isOrderly in [true, false] {
            var pair: [Int32] = [0, 0]
            let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            try #require(socketpair(AF_UNIX, kind, 0, &pair) == 0)
            let left = try #require(client.makeSession(over: pair[0]))
            let right = try #require(security.makeSession(over: pair[1]))
            while left.connection == nil || right.connection == nil {
                _ = left.handshake()
                _ = right.handshake()
            }
            #expect([1, 2, 3].withUnsafeBytes { right.send($0) } == .done(24))
            if isOrderly { right.sendEnd() }
            right.end()
            close(pair[1])
            var buffer = [UInt8](repeating: 0, count: 64)
            buffer.withUnsafeMutableBytes { buffer in
                #expect(left.receive(into: buffer, peeking: false) == .done(24))
                #expect(
                    left.receive(into: buffer, peeking: false)
                        == (isOrderly ? .endOfFile : .failed(.truncated)))
            }
            left.end()
            #expect(left.handshake() == .failed(.unusable))
            close(pair[0])
        }
    }

    @Test("handshakes that succeed, fail, and are cut leave no descriptor open")
    func noLeak() async {
        await #expect(processExitsWith: .success) {
            func round() throws {
                let server = try TestServer(serving("plain"))
                for index in 0..<10 {
                    _ = server.client([index % 2 == 0 ? "-tls1_3" : "-tls1_1"])
                    server.connect().send([0x16, 3, 1])
                    server.connect().send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
                }
                let held = (0..<5).map { _ in server.connect() }
                held.forEach { $0.send([0x16]) }
                server.stop()
            }
            try round()
            let before = openDescriptors()
            try round()
            precondition(eventually("all closed") { openDescriptors() <= before })
        }
    }
}

/// How far an upstream has come with sending.
final class SentBytes: Sendable {
    private let total = Atomic<Int>(0)
    private let held = Atomic<Bool>(false)
    var count: Int { total.load(ordering: .relaxed) }
    var isHeldBack: Bool { held.load(ordering: .relaxed) }
    func add(_ count: Int) { total.wrappingAdd(count, ordering: .relaxed) }
    func stop() { held.store(true, ordering: .relaxed) }
}

/// An upstream in clear text that sends one gibibyte, or says when nobody takes any more of it for half a second.
final class EndlessOrigin: Sendable {
    let port: UInt16

    init(_ sent: SentBytes) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(listener, $0, length)
                _ = listen(listener, 4)
                _ = getsockname(listener, $0, &length)
            }
        }
        port = UInt16(bigEndian: name.sin_port)
        Thread.detachNewThread { @Sendable in
            let connection = accept(listener, nil, nil)
            close(listener)
            guard connection >= 0 else { return }
            defer { close(connection) }
            var wait = timeval(tv_sec: 0, tv_usec: 500_000)
            setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
            var request = [UInt8](repeating: 0, count: 4096)
            _ = recv(connection, &request, request.count, 0)
            let head = "HTTP/1.1 200 OK\r\nContent-Length: \(1 << 30)\r\n\r\n"
            _ = Array(head.utf8).withUnsafeBytes { send(connection, $0.baseAddress, $0.count, 0) }
            let piece = [UInt8](repeating: 0x78, count: 1 << 16)
            while sent.count < 1 << 30 {
                let count = piece.withUnsafeBytes {
                    send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return sent.stop() }
                sent.add(count)
            }
        }
    }
}
