import HTTPWire
import Synchronization
import TestSupport
import Testing

@testable import Proxy

@Suite("Answers that get another form on their way")
struct ShapingTests {
    /// Holds everything back until it has to come out, in capitals, and says when that was.
    final class Capitals: AnswerShaper, AnswerShaping {
        let isWanted: Bool
        private var held: [UInt8] = []
        private var letGo: (@Sendable () -> Void)?

        init(isWanted: Bool = true, letGo: (@Sendable () -> Void)? = nil) {
            self.isWanted = isWanted
            self.letGo = letGo
        }

        deinit { letGo?() }

        var codingName: String { "capitals" }

        func shape(_ head: inout ResponseHead, for request: RequestHead) -> (any AnswerShaping)? {
            try? head.fields.set("X-Seen", request.target.text)
            return isWanted ? self : nil
        }

        func append(_ bytes: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) -> Void) {
            held += bytes.map { (0x61...0x7A).contains($0) ? $0 - 0x20 : $0 }
        }

        func pause(_ take: (UnsafeRawBufferPointer) -> Void) {
            held.withUnsafeBytes { if !$0.isEmpty { take($0) } }
            held = []
        }

        func end(_ take: (UnsafeRawBufferPointer) -> Void) {
            held += Array("!".utf8)
            pause(take)
        }
    }

    @Test(
        "the body is the shaper's, in chunks, and trailers lose the digests of another body",
        arguments: [true, false])
    func body(isWanted: Bool) throws {
        let origin = ScriptedUpstream.answering { request in
            request.contains("/chunked")
                ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Repr-Digest\r\n\r\n"
                    + "3\r\nabc\r\n0\r\nRepr-Digest: sha-256=:eA==:\r\nX-Kept: 1\r\n\r\n"
                : ok("by length")
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream, shaper: Capitals(isWanted: isWanted)) }
        let client = server.connect()
        client.send("GET /length HTTP/1.1\r\nHost: x\r\n\r\n")
        let first = try #require(client.answer())
        #expect(first.body == (isWanted ? "BY LENGTH!" : "by length"))
        #expect(first.field("x-seen") == "/length")
        #expect((first.field("content-length") == nil) == isWanted)
        client.send("GET /chunked HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE, close\r\n\r\n")
        let text = client.receiveAll()
        #expect(text.contains(isWanted ? "ABC" : "abc") && text.contains("X-Kept: 1"))
        #expect(text.contains("sha-256") == !isWanted)
        let codings = server.outcomes.map(\.answerCoding)
        #expect(codings == (isWanted ? ["capitals", "capitals"] : [nil, nil]))
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("HTTP/1.0 gets it to the end of the connection, HEAD gets the fields alone (RFC 9110 §9.3.2)")
    func framings() throws {
        let origin = ScriptedUpstream.answering { request in
            request.hasPrefix("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" : ok("by length")
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream, shaper: Capitals()) }
        let old = try #require(server.ask("GET /a HTTP/1.0\r\n\r\n"))
        #expect(old.body == "BY LENGTH!" && old.field("content-length") == nil)
        let client = server.connect()
        client.send("HEAD /b HTTP/1.1\r\nHost: x\r\n\r\n")
        let head = try #require(client.answer(toHead: true))
        #expect(head.field("x-seen") == "/b" && head.field("content-length") == nil)
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test(
        "what the upstream has said comes out when it pauses, and a client that leaves lets go of the shaper")
    func pauses() throws {
        let isLetGo = Atomic(false)
        let origin = ScriptedUpstream { connection, _ in
            guard connection.receive(through: "\r\n\r\n") != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            // Waits for the proxy, which gives up when its client does.
            _ = connection.receive()
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest {
            $0.stream(to: upstream, shaper: Capitals { isLetGo.store(true, ordering: .relaxed) })
        }
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.receive(through: "3\r\nABC\r\n") != nil)
        client.reset()
        #expect(eventually("let go") { isLetGo.load(ordering: .relaxed) })
        server.stop()
        upstream.close()
        origin.stop()
    }
}
