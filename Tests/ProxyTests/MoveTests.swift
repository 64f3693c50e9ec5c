import Synchronization
import Testing
import Transport

@testable import Proxy

@Suite("Connections that change loops")
struct MoveTests {
    /// Moves every connection of the first loop to the second.
    private func moveAll(_ server: ServerUnderTest) {
        let shards = server.server.shards
        shards[0].loop.sync { @Sendable in
            for connection in shards[0].present where connection.mayMove { connection.move(to: shards[1]) }
        }
    }

    @Test("a client notices nothing: its next requests are answered by the other loop")
    func goesOn() throws {
        let seen = LoopsSeen()
        let server = try ServerUnderTest(loops: 2) { exchange in
            seen.loops.withLock { $0.append(exchange.loop.index) }
            exchange.respond(plain("x"))
        }
        let client = server.connect()
        for _ in 0..<3 {
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.answer()?.body == "x")
        }
        moveAll(server)
        for _ in 0..<3 {
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.answer()?.body == "x")
        }
        #expect(seen.loops.withLock { $0 } == [0, 0, 0, 1, 1, 1])
        #expect(server.server.counters.connections.load(ordering: .relaxed) == 1)
        #expect(server.group.loops.map(\.load.count) == [0, 1])
    }

    @Test("bytes that have arrived before the move are read behind it")
    func unread() throws {
        let server = try ServerUnderTest(loops: 2) { $0.respond(plain("x")) }
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer()?.body == "x")
        let shards = server.server.shards
        shards[0].loop.sync { @Sendable in
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            for connection in shards[0].present { connection.move(to: shards[1]) }
        }
        #expect(client.answer()?.body == "x")
    }

    @Test("limits on a connection go on counting: its requests and those of its client's address")
    func limits() throws {
        var limits = ProxyLimits()
        limits.keepAliveRequestsMax = 2
        limits.connectionsPerClientMax = 1
        let server = try ServerUnderTest(loops: 2, settings: ProxySettings(limits: limits)) {
            $0.respond(plain("x"))
        }
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer()?.body == "x")
        moveAll(server)
        let other = server.connect()
        #expect(other.answer()?.status == 429)
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer()?.head.contains("Connection: close") == true)
    }

    @Test("so many connections move as make both loops as busy, and none for little")
    func surplus() {
        #expect(Relief.surplus(of: 8, own: 1, other: 0) == 4)
        #expect(Relief.surplus(of: 8, own: 1, other: 0.5) == 2)
        #expect(Relief.surplus(of: 8, own: 0.9, other: 0.6) == 0)
        #expect(Relief.surplus(of: 2, own: 0.9, other: 0.4) == 1)
        #expect(Relief.surplus(of: 1, own: 1, other: 0) == 0)
    }
}

/// The loops on which a handler was called.
private final class LoopsSeen: Sendable {
    let loops = Mutex<[Int]>([])
}
