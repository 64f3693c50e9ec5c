import Dispatch
import Foundation
import HTTPWire
import Synchronization
import Testing
import Transport

@testable import Client

@Suite("Client: one kept-alive connection")
struct HTTPClientTests {
    /// Counts connections and remembers requests.
    final class Tally: Sendable {
        let connections = Atomic(0)
        let requests = Mutex<[String]>([])

        var seen: [String] { requests.withLock { $0 } }

        /// Reads a request and remembers it; false at the end of the stream.
        func read(_ connection: RawConnection) -> Bool {
            guard let request = connection.readRequest() else { return false }
            requests.withLock { $0.append(request) }
            return true
        }
    }

    /// A server that serves each connection, numbered from 1, with `serve`.
    static func server(
        _ serve: @escaping @Sendable (RawConnection, Int, Tally) -> Void
    ) throws -> (RawServer, Tally) {
        let tally = Tally()
        let server = try RawServer { connection in
            serve(connection, tally.connections.add(1, ordering: .relaxed).newValue, tally)
        }
        return (server, tally)
    }

    /// A server that gives every request the same bytes.
    static func answering(_ answer: String, closes: Bool = false) throws -> (RawServer, Tally) {
        try server { connection, _, tally in
            while tally.read(connection) {
                connection.send(answer)
                if closes { return }
            }
        }
    }

    static func client(
        _ server: RawServer, timeout: Duration = .seconds(30), most: Int = 1 << 20
    ) -> HTTPClient {
        HTTPClient(Endpoint(host: "127.0.0.1", port: server.port), timeout: timeout, answerBytesMax: most)
    }

    static let hello = "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello"

    @Test("a connection is used again, and the request says what it has to (RFC 9112 §3.2, §6.2)")
    func keepAlive() throws {
        let (server, tally) = try Self.answering(Self.hello)
        defer { server.stop() }
        let client = Self.client(server)
        for _ in 0..<3 {
            let answer = try client.send(
                .post, "/a?b", fields: try HeaderList(["X-C": "d"]), body: Array("xyz".utf8))
            #expect(answer.status == 200 && answer.body == Array("hello".utf8))
            #expect(answer.fields.value("x-a") == "b" && answer.latency > .zero)
        }
        #expect(tally.connections.load(ordering: .relaxed) == 1)
        let request = try #require(tally.seen.first)
        #expect(request.hasPrefix("POST /a?b HTTP/1.1\r\n") && request.hasSuffix("\r\n\r\nxyz"))
        #expect(request.contains("Host: 127.0.0.1:\(server.port)\r\n") && request.contains("X-C: d\r\n"))
        #expect(request.lowercased().contains("content-length: 3\r\n"))
    }

    @Test("a POST without a body says so, a GET says nothing")
    func emptyBody() throws {
        let (server, tally) = try Self.answering(Self.hello)
        defer { server.stop() }
        let client = Self.client(server)
        _ = try client.send(.post, "/")
        _ = try client.send(.get, "/")
        #expect(tally.seen[0].lowercased().contains("content-length: 0"))
        #expect(!tally.seen[1].lowercased().contains("content-length"))
    }

    static let framings: [(String, String, Bool)] = [
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX: y\r\n\r\n",
            "hello", false
        ),
        ("HTTP/1.1 200 OK\r\n\r\nhello", "hello", true),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", true),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", "hello", true),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", false),
        ("HTTP/1.1 204 No Content\r\n\r\n", "", false),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "", false),
    ]

    @Test("every framing of an answer is read to its end and no further", arguments: framings.indices)
    func framing(index: Int) throws {
        let (text, body, closes) = Self.framings[index]
        let (server, tally) = try Self.answering(text, closes: closes)
        defer { server.stop() }
        let client = Self.client(server)
        for _ in 0..<2 { #expect(try client.send(.get, "/").body == Array(body.utf8)) }
        #expect(tally.connections.load(ordering: .relaxed) == (closes ? 2 : 1))
    }

    @Test("the answer to HEAD has no body, whatever length it gives")
    func head() throws {
        let (server, tally) = try Self.answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        defer { server.stop() }
        let client = Self.client(server)
        for _ in 0..<2 { #expect(try client.send(.head, "/").body == []) }
        #expect(tally.connections.load(ordering: .relaxed) == 1)
    }

    /// A server whose first connection takes a second request and ends without an answer to it.
    static func forgetful() throws -> (RawServer, Tally) {
        try server { connection, number, tally in
            guard tally.read(connection) else { return }
            connection.send(hello)
            if number == 1 {
                _ = tally.read(connection)
                return
            }
            while tally.read(connection) { connection.send(hello) }
        }
    }

    @Test("a connection that was closed while it was not in use is replaced for any request")
    func closedIdle() throws {
        let closed = DispatchSemaphore(value: 0)
        let (server, tally) = try Self.server { connection, number, tally in
            while tally.read(connection) {
                connection.send(Self.hello)
                guard number == 1 else { continue }
                connection.finishSending()
                closed.signal()
            }
        }
        defer { server.stop() }
        let client = Self.client(server)
        _ = try client.send(.post, "/", body: [1])
        closed.wait()
        #expect(try client.send(.post, "/", body: [2]).status == 200)
        #expect(tally.connections.load(ordering: .relaxed) == 2 && tally.seen.count == 2)
    }

    @Test("a kept connection that has gone is replaced once when the request may be repeated")
    func stale() throws {
        for (method, repeatable) in [(HTTPWire.Method.get, false), (.put, false), (.post, true)] {
            let (server, tally) = try Self.forgetful()
            defer { server.stop() }
            let client = Self.client(server)
            _ = try client.send(.get, "/")
            #expect(try client.send(method, "/", repeatable: repeatable).status == 200)
            #expect(tally.connections.load(ordering: .relaxed) == 2)
        }
    }

    @Test("a POST is not sent again by itself, since it may have been acted on (RFC 9110 §9.2.2)")
    func notRepeated() throws {
        let (server, tally) = try Self.forgetful()
        defer { server.stop() }
        let client = Self.client(server)
        _ = try client.send(.get, "/")
        #expect(throws: ClientError.closedBeforeAnswer) { try client.send(.post, "/", body: [1]) }
        #expect(tally.connections.load(ordering: .relaxed) == 1)
        #expect(try client.send(.post, "/", body: [1]).status == 200)
    }

    @Test("a fresh connection that ends without an answer is an error at once")
    func freshClosed() throws {
        let (server, tally) = try Self.server { connection, _, tally in _ = tally.read(connection) }
        defer { server.stop() }
        #expect(throws: ClientError.closedBeforeAnswer) {
            try Self.client(server).send(.get, "/", repeatable: true)
        }
        #expect(tally.connections.load(ordering: .relaxed) == 1)
    }

    @Test("a repetition that fails too leaves no half-read answer behind for the next request")
    func failedRepetition() throws {
        let (server, tally) = try Self.server { connection, number, tally in
            while tally.read(connection) {
                switch number {
                case 1:
                    connection.send(Self.hello)
                    _ = tally.read(connection)
                    return
                case 2:
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf")
                    return
                default: connection.send(Self.hello)
                }
            }
        }
        defer { server.stop() }
        let client = Self.client(server)
        _ = try client.send(.get, "/")
        #expect(throws: ClientError.closedInAnswer) { try client.send(.get, "/") }
        #expect(try client.send(.get, "/").body == Array("hello".utf8))
        #expect(tally.connections.load(ordering: .relaxed) == 3)
    }

    @Test("bytes behind an answer are never taken for the next one")
    func surplus() throws {
        let forged = Self.hello + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
        let (server, tally) = try Self.server { connection, number, tally in
            while tally.read(connection) { connection.send(number == 1 ? forged : Self.hello) }
        }
        defer { server.stop() }
        let client = Self.client(server)
        for _ in 0..<2 { #expect(try client.send(.get, "/").body == Array("hello".utf8)) }
        #expect(tally.connections.load(ordering: .relaxed) == 2)
    }

    static let broken: [(String, ClientError)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", .closedInAnswer),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", .closedInAnswer),
        ("HTTP/1.1 200 OK\r\nContent-Len", .closedInAnswer),
        ("HTTP/1.1 2", .closedInAnswer), ("", .closedBeforeAnswer),
        ("ICY 200 OK and more\r\n\r\n", .malformedAnswer(.malformedStatusLine)),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            .malformedAnswer(.repeatedContentLength)
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n", .malformedAnswer(.bodyTooLarge)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFF\r\n", .malformedAnswer(.bodyTooLarge)),
    ]

    @Test(
        "what is no whole answer is an error, and the next request has a connection of its own",
        arguments: broken.indices)
    func brokenAnswer(index: Int) throws {
        let (text, expected) = Self.broken[index]
        let (server, tally) = try Self.server { connection, number, tally in
            _ = tally.read(connection)
            connection.send(number == 1 ? text : Self.hello)
        }
        defer { server.stop() }
        let client = Self.client(server, most: 1_000_000)
        #expect(throws: expected) { try client.send(.get, "/") }
        #expect(!expected.description.isEmpty)
        #expect(try client.send(.get, "/").status == 200)
        #expect(tally.connections.load(ordering: .relaxed) == 2)
    }

    @Test("a server that says nothing: the deadline ends the wait")
    func timeout() throws {
        let gate = DispatchSemaphore(value: 0)
        let (server, _) = try Self.server { connection, _, tally in
            _ = tally.read(connection)
            connection.send("HTTP/1.1 200 OK\r\n")
            gate.wait()
        }
        defer { server.stop() }
        defer { gate.signal() }
        #expect(throws: ClientError.timeout) {
            try Self.client(server, timeout: .milliseconds(50)).send(.get, "/")
        }
    }

    @Test("a server that refuses a large request early is heard all the same")
    func earlyAnswer() throws {
        let refusal = "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        let (server, _) = try Self.server { connection, _, _ in
            while let byte = connection.readByte(), byte != UInt8(ascii: "\n") {}
            connection.send(refusal)
            connection.finishSending()
            while connection.readByte() != nil {}
        }
        defer { server.stop() }
        let answer = try Self.client(server).send(.post, "/", body: Array(repeating: 0, count: 400_000))
        #expect(answer.status == 413)
    }

    @Test("nobody listens: no connection; a name without an address: unresolved")
    func noServer() throws {
        let (server, _) = try Self.answering(Self.hello)
        server.stop()
        #expect(throws: ClientError.connectFailed(errno: ECONNREFUSED)) {
            try Self.client(server).send(.get, "/")
        }
        #expect(throws: ClientError.unresolved("no-such-host.invalid")) {
            try HTTPClient(Endpoint(host: "no-such-host.invalid", port: 80)).send(.get, "/")
        }
    }

    @Test("a name is tried at each of its addresses")
    func localhost() throws {
        let (server, _) = try Self.answering(Self.hello)
        defer { server.stop() }
        #expect(try HTTPClient(Endpoint(host: "localhost", port: server.port)).send(.get, "/").status == 200)
    }

    @Test(
        "a target that cannot stand in a request line is refused before anything is sent",
        arguments: ["", "x", "/a b", "/\r\nX: y"])
    func badTarget(target: String) throws {
        let (server, tally) = try Self.answering(Self.hello)
        defer { server.stop() }
        do throws(ClientError) {
            _ = try Self.client(server).send(.get, target)
            Issue.record("it was sent")
        } catch {
            if case .badRequest = error {} else { Issue.record("\(error)") }
        }
        #expect(tally.connections.load(ordering: .relaxed) == 0)
    }
}
