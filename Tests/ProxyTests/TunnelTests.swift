import Foundation
import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Tunnels")
struct TunnelTests {
    static let handshake =
        "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    static let switching =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

    /// An upstream that answers every head with `answer` and then does `behind`.
    private func origin(
        _ answer: String = switching + "\r\n", _ behind: @escaping @Sendable (BlockingSocket, String) -> Void
    ) -> ScriptedUpstream {
        ScriptedUpstream { connection, _ in
            guard let head = connection.receive(through: "\r\n\r\n") else { return }
            connection.send(answer)
            behind(connection, head)
        }
    }

    private func server(
        _ upstream: Upstream, options: StreamOptions = .webSocket,
        change: (inout ProxyLimits) -> Void = { _ in }
    ) throws -> ServerUnderTest {
        var settings = ProxySettings()
        change(&settings.limits)
        return try ServerUnderTest(settings: settings) { $0.stream(to: upstream, options: options) }
    }

    @Test("after a 101 bytes pass both ways in order, also those that came with the heads (RFC 9110 §7.8)")
    func bytes() throws {
        let seen = Mutex("")
        let origin = origin(Self.switching + "\r\nearly ") { connection, head in
            seen.withLock { $0 = head }
            while let bytes = connection.receive() { connection.send(bytes) }
        }
        let upstream = origin.upstream()
        let server = try server(upstream)
        let client = server.connect()
        client.send(Self.handshake + "ahead ")
        let answer = try #require(client.receive(through: "\r\n\r\n"))
        #expect(answer.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
        for line in [
            "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ] {
            #expect(answer.contains("\r\n\(line)\r\n"), "\(line)")
        }
        #expect(client.receive(exactly: 12).map { String(decoding: $0, as: UTF8.self) } == "early ahead ")
        client.send("later")
        #expect(client.receive(exactly: 5) == Array("later".utf8))
        let head = seen.withLock { $0 }
        #expect(head.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"))
        #expect(head.contains("\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"))
        #expect(server.server.counters.tunnels.load(ordering: .relaxed) == 1)
        client.shutdownWrite()
        #expect(client.receiveAll() == "")
        #expect(eventually("it is over") { server.outcomes.count == 1 })
        let outcome = server.outcomes[0]
        #expect(outcome.status == 101 && outcome.end == .answered && outcome.isTunnel)
        #expect(outcome.requestBodyBytes == 11 && outcome.answerBodyBytes == 17)
        #expect(server.server.counters.tunnels.load(ordering: .relaxed) == 0)
        #expect(eventually("its connection is no more") { upstream.connectionCount == 0 })
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("one side may end and the other go on")
    func halfClose() throws {
        let origin = origin { connection, _ in
            var all = ""
            while let bytes = connection.receive() { all += String(decoding: bytes, as: UTF8.self) }
            connection.send("got \(all)")
        }
        let upstream = origin.upstream()
        let server = try server(upstream)
        let client = server.connect()
        client.send(Self.handshake)
        #expect(client.receive(through: "\r\n\r\n") != nil)
        client.send("question")
        client.shutdownWrite()
        #expect(client.receiveAll() == "got question")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("a reader that does not read stops the writer; what waits is bounded, and nothing is lost")
    func pressure() throws {
        let total = 4 << 20
        let origin = origin { connection, _ in
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            var sent = 0
            while sent < total {
                for index in bytes.indices {
                    bytes[index] = UInt8(truncatingIfNeeded: (sent + index) &* 31 >> 3)
                }
                sent += connection.send(bytes)
            }
            connection.shutdownWrite()
            _ = connection.receive()
        }
        let upstream = origin.upstream()
        let server = try server(upstream)
        let client = server.connect(receiveBuffer: 4096)
        client.send(Self.handshake)
        #expect(client.receive(through: "\r\n\r\n") != nil)
        let bytes = try #require(client.receive(exactly: total))
        let wanted = (0..<total).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let isRight = bytes == wanted
        #expect(isRight)
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("silence ends a tunnel, bytes in either direction keep it (RFC 9110 §7.8)")
    func idle() throws {
        let origin = origin { connection, _ in
            while let bytes = connection.receive() { connection.send(bytes) }
        }
        let upstream = origin.upstream()
        let server = try server(upstream) { $0.tunnelIdleTimeout = .seconds(30) }
        let client = server.connect()
        client.send(Self.handshake)
        #expect(client.receive(through: "\r\n\r\n") != nil)
        // Longer than any request may take.
        for _ in 0..<4 {
            server.clock.advance(by: .seconds(25))
            client.send("x")
            #expect(client.receive(exactly: 1) != nil)
        }
        server.clock.advance(by: .seconds(31))
        #expect(client.receiveAll() == "")
        #expect(eventually("it is over") { server.outcomes.first?.end == .cut(.timeout) })
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("a drain leaves a tunnel alone until its deadline, and then ends it")
    func drain() throws {
        let origin = origin { connection, _ in
            while let bytes = connection.receive() { connection.send(bytes) }
        }
        let upstream = origin.upstream()
        let server = try server(upstream)
        let client = server.connect()
        client.send(Self.handshake)
        #expect(client.receive(through: "\r\n\r\n") != nil)
        let drained = Atomic<Bool>(false)
        server.server.drain(deadline: .seconds(20)) { @Sendable in drained.store(true, ordering: .relaxed) }
        client.send("still")
        #expect(client.receive(exactly: 5) == Array("still".utf8))
        let isDrained = drained.load(ordering: .relaxed)
        #expect(!isDrained)
        server.clock.advance(by: .seconds(21))
        #expect(client.receiveAll() == "")
        #expect(eventually("drained") { drained.load(ordering: .relaxed) })
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test(
        "an upstream that refuses to switch is answered as HTTP, and what the client sent behind is a request of its own",
        arguments: [400, 426, 200])
    func refused(status: Int) throws {
        let heads = Mutex<[String]>([])
        let origin = ScriptedUpstream { connection, _ in
            while let head = connection.receive(through: "\r\n\r\n") {
                heads.withLock { $0.append(head) }
                let code = head.hasPrefix("GET /chat") ? status : 200
                connection.send("HTTP/1.1 \(code) X\r\nContent-Length: 2\r\n\r\nno")
            }
        }
        let upstream = origin.upstream()
        let server = try server(upstream)
        let client = server.connect()
        // The known way of smuggling: a request behind a switch that a careless proxy takes for made.
        client.send(Self.handshake + "GET /admin HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n")
        #expect(client.answer()?.status == status)
        #expect(client.answer()?.status == 200)
        #expect(eventually("both are over") { server.outcomes.count == 2 })
        #expect(server.handler.targets.withLock { $0 } == ["/chat", "/admin"])
        #expect(heads.withLock { $0 }.last?.contains("6.6.6.6") == false)
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("frames behind a refused switch are no HTTP, and end the connection")
    func framesBehindRefusal() throws {
        let origin = ScriptedUpstream.answering { _ in "HTTP/1.1 400 X\r\nContent-Length: 0\r\n\r\n" }
        let upstream = origin.upstream()
        let server = try server(upstream)
        let client = server.connect()
        client.send(Array(Self.handshake.utf8) + [0x82, 0x85, 1, 2, 3, 4, 5, 6, 7, 8, 9])
        #expect(client.answer()?.status == 400)
        #expect(client.answer()?.field("connection") == "close")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test(
        "a 101 that is not what was asked for is 502 (RFC 9110 §15.2.2)",
        arguments: [
            "HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            "HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n",
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        ])
    func otherProtocol(answer: String) throws {
        let origin = origin(answer) { connection, _ in _ = connection.receive() }
        let upstream = origin.upstream()
        let server = try server(upstream)
        #expect(server.ask(Self.handshake)?.status == 502)
        #expect(eventually { server.outcomes.map(\.isTunnel) == [false] }, "a refusal makes no tunnel")
        #expect(server.outcomes.first?.upstreamError?.cause == .unexpectedUpgrade)
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("where no switch is allowed the request is plain HTTP, and a 101 to it is 502 (RFC 9110 §7.8)")
    func notAllowed() throws {
        let seen = Mutex("")
        let origin = origin { _, head in seen.withLock { $0 = head } }
        let upstream = origin.upstream()
        let server = try server(upstream, options: [])
        #expect(server.ask(Self.handshake)?.status == 502)
        #expect(!seen.withLock { $0 }.lowercased().contains("upgrade"))
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("HTTP/2 is never switched to: what asks for it stays here (RFC 9110 §7.8)")
    func h2c() throws {
        let seen = Mutex("")
        let origin = ScriptedUpstream.answering { head in
            seen.withLock { $0 = head }
            return ok("plain")
        }
        let upstream = origin.upstream()
        let server = try server(upstream)
        let ask =
            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        #expect(server.ask(ask)?.body == "plain")
        let head = seen.withLock { $0 }.lowercased()
        #expect(!head.contains("upgrade") && !head.contains("h2c") && !head.contains("http2-settings"))
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("a handshake that is not in order is refused with 400 (RFC 6455 §4.2.1)")
    func badHandshake() throws {
        let origin = origin { _, _ in }
        let upstream = origin.upstream()
        let server = try server(upstream)
        let bad = Self.handshake.replacingOccurrences(of: "Version: 13", with: "Version: 12")
        let answer = server.ask(bad)
        #expect(answer?.status == 400 && answer?.field("sec-websocket-version") == "13")
        #expect(origin.connections == 0)
        #expect(server.server.counters.tunnelsRefused.load(ordering: .relaxed) == 1)
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("a client that resets its tunnel takes the upstream's side with it, and leaves no descriptor")
    func reset() throws {
        let ended = Atomic<Bool>(false)
        let origin = origin { connection, _ in
            while connection.receive() != nil {}
            ended.store(true, ordering: .relaxed)
        }
        let upstream = origin.upstream()
        let server = try server(upstream)
        let client = server.connect()
        client.send(Self.handshake)
        #expect(client.receive(through: "\r\n\r\n") != nil)
        client.reset()
        #expect(eventually("the upstream's side has ended") { ended.load(ordering: .relaxed) })
        #expect(eventually("it is over") { server.outcomes.first?.end == .cut(.clientGone) })
        #expect(server.server.counters.connections.load(ordering: .relaxed) == 0)
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("Node's WebSocket-less upgrade server echoes through the tunnel")
    func node() throws {
        let script = """
            const http = require('http'), crypto = require('crypto');
            const s = http.createServer();
            s.on('upgrade', (q, k, head) => {
              const a = crypto.createHash('sha1').update(q.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
              k.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + a + '\\r\\n\\r\\n');
              let held = head;
              const go = () => { while (held.length >= 6) { const n = held[1] & 127; if (held.length < 6 + n) return;
                const m = held.subarray(2, 6), p = Buffer.from(held.subarray(6, 6 + n)); for (let i = 0; i < n; i++) p[i] ^= m[i & 3];
                k.write(Buffer.concat([Buffer.from([held[0], n]), p])); held = held.subarray(6 + n); } };
              k.on('data', d => { held = Buffer.concat([held, d]); go(); }); k.on('end', () => k.end()); go();
            });
            s.listen(0, '127.0.0.1', () => console.log(s.address().port));
            setTimeout(() => process.exit(0), 20000);
            """
        let output = Pipe()
        let node = try RunningProgram("/usr/bin/node", ["-e", script], output: output)
        defer { node.stop() }
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let port = try #require(UInt16(line.trimmingCharacters(in: .whitespacesAndNewlines)))
        let upstream = Upstream(
            settings: UpstreamSettings(name: "node", endpoint: Endpoint(host: "127.0.0.1", port: port)))
        let server = try server(upstream)
        let client = server.connect()
        client.send(Self.handshake)
        let head = try #require(client.receive(through: "\r\n\r\n"))
        // The proof for the key of RFC 6455 §1.3, which Node has worked out by itself.
        #expect(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        client.send([0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
        #expect(client.receive(exactly: 7) == [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
        server.stop()
        upstream.close()
    }
}
