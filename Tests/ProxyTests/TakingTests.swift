import Dispatch
import Foundation
import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Clients that take their time")
struct TakingTests {
    private static let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    private static let large = String(repeating: "x", count: 32 << 20)

    /// A server that gives the large text for `/large` and a word for anything else.
    private static func server(_ change: (inout ProxyLimits) -> Void) throws -> ServerUnderTest {
        var limits = ProxyLimits()
        change(&limits)
        return try ServerUnderTest(settings: ProxySettings(limits: limits)) {
            $0.respond(plain($0.request.target.path == "/large" ? large : "small"))
        }
    }

    /// A client that has asked for the large text and taken nothing of it yet.
    private static func waiting(_ server: ServerUnderTest, behind: String = "") -> BlockingSocket {
        let client = server.connect(receiveBuffer: 4096)
        client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n" + behind)
        #expect(eventually { server.server.counters.bufferedBytes > 0 })
        return client
    }

    /// Takes an answer with the large text. Returns how much of the text has come.
    private static func takeLarge(_ client: BlockingSocket) -> Int {
        guard client.receive(through: "\r\n\r\n") != nil else { return 0 }
        return client.receive(exactly: large.utf8.count)?.count ?? 0
    }

    @Test("as many requests as one read brings are answered one after the other (RFC 9112 §9.3.2)")
    func pipeline() throws {
        let server = try Self.server { _ in }
        let client = server.connect()
        let count = 1500
        client.send(String(repeating: Self.get, count: count))
        for _ in 0..<count { #expect(client.answer()?.body == "small") }
        server.stop()
    }

    @Test("whoever sends requests and takes no answers is not read from, and has all of them in the end")
    func sendingOnly() throws {
        let server = try Self.server { _ in }
        let counters = server.server.counters
        let client = server.connect(receiveBuffer: 4096)
        let count = 40_000
        Thread.detachNewThread { @Sendable in client.send(String(repeating: Self.get, count: count)) }
        #expect(eventually { counters.bufferedBytes >= 64 << 10 })
        var most = 0
        for _ in 0..<2000 {
            server.group.loops[0].sync { @Sendable in }
            most = max(most, counters.bufferedBytes)
        }
        // A read, what it was answered with, and the room that arrays double to.
        #expect(most <= 6 * EventLoop.scratchBytes)
        var bytes = 0
        let one = try #require(server.ask(Self.get)).head.utf8.count + "small".utf8.count
        while bytes < count * one, let some = client.receive() { bytes += some.count }
        #expect(bytes == count * one)
        server.stop()
    }

    @Test("a request behind an answer that is taken slowly has its turn afterwards, and no 408 before")
    func pipelinedBehindLarge() throws {
        let server = try Self.server { $0.headTimeout = .seconds(5) }
        let client = Self.waiting(server, behind: Self.get)
        server.clock.advance(by: .seconds(6))
        #expect(Self.takeLarge(client) == Self.large.utf8.count)
        #expect(client.answer()?.body == "small")
        server.stop()
    }

    @Test("the time for the next request begins when the answer has been sent")
    func keepAlive() throws {
        let server = try Self.server { $0.keepAliveTimeout = .seconds(5) }
        let client = Self.waiting(server)
        server.clock.advance(by: .seconds(6))
        #expect(Self.takeLarge(client) == Self.large.utf8.count)
        client.send(Self.get)
        #expect(client.answer()?.body == "small")
        #expect(eventually { server.outcomes.count == 2 })
        server.clock.advance(by: .seconds(6))
        #expect(client.receive() == nil)
        server.stop()
    }

    @Test("an answer that is being sent when the server drains is sent whole", arguments: [0, 1])
    func drain(grace: Int) throws {
        let server = try Self.server { _ in }
        let client = Self.waiting(server)
        let done = DispatchSemaphore(value: 0)
        server.server.drain(deadline: .seconds(30), idleGrace: .seconds(grace)) { @Sendable in done.signal() }
        server.group.loops[0].sync { @Sendable in }
        server.clock.advance(by: .seconds(2))
        #expect(Self.takeLarge(client) == Self.large.utf8.count)
        #expect(client.receive() == nil)
        client.close()
        done.wait()
        server.stop()
    }

    @Test(
        "who takes a little at a time, less than a socket makes room for, is served; who takes nothing is cut off"
    )
    func steady() throws {
        let server = try Self.server { $0.answerIdleTimeout = .seconds(15) }
        let timeouts = server.server.counters.timeouts
        let client = Self.waiting(server)
        for _ in 0..<6 {
            #expect(client.receive(exactly: 64 << 10) != nil)
            server.clock.advance(by: .seconds(10))
        }
        #expect(timeouts[.answerIdle] == 0 && timeouts[.answerRate] == 0)
        #expect(server.server.counters.connections.load(ordering: .relaxed) == 1)
        // What was on its way may count as taken once.
        server.clock.advance(by: .seconds(16))
        server.clock.advance(by: .seconds(16))
        #expect(eventually { server.server.counters.connections.load(ordering: .relaxed) == 0 })
        #expect(timeouts[.answerIdle] + timeouts[.answerRate] == 1)
        server.stop()
    }

    @Test("connections that wait to be accepted when a server drains are served, however many")
    func accepting() throws {
        let server = try Self.server { _ in }
        var clients: [BlockingSocket] = []
        server.group.loops[0].sync { @Sendable in }
        let done = DispatchSemaphore(value: 0)
        let stand = DispatchSemaphore(value: 0)
        server.group.loops[0].execute { @Sendable in stand.wait() }
        for _ in 0..<60 {
            clients.append(server.connect())
            clients.last?.send(Self.get)
        }
        server.server.drain(deadline: .seconds(30)) { @Sendable in done.signal() }
        stand.signal()
        for client in clients { #expect(client.answer()?.body == "small") }
        for client in clients { client.close() }
        done.wait()
        server.stop()
    }
}
