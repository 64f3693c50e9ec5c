import Dispatch
import Foundation
import Glibc
import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("When descriptors, time or readers are short")
struct ExhaustionTests {
    private static let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test("without a descriptor left accepting pauses, does not spin, and goes on when there is one again")
    func descriptors() async {
        // In a process of its own: the others need their descriptors.
        await #expect(processExitsWith: .success) {
            let server = try ServerUnderTest { $0.respond(plain("served")) }
            let counters = server.server.counters
            func pauses() -> Int { counters.acceptPauses.load(ordering: .relaxed) }
            precondition(server.ask(ExhaustionTests.get)?.body == "served")
            precondition(eventually { counters.connections.load(ordering: .relaxed) == 0 })
            var limit = rlimit(rlim_cur: 64, rlim_max: 64)
            precondition(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            // The client's own descriptor is had before, and it sends what is read when it is taken.
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var taken: [Int32] = []
            while true {
                let copy = dup(client)
                if copy < 0 { break }
                taken.append(copy)
            }
            precondition(errno == EMFILE)
            let waiting = BlockingSocket(connecting: client, to: server.address)
            waiting.send(ExhaustionTests.get)
            precondition(eventually { pauses() == 1 })
            // The queue stays readable all the while: a loop that looked again would count again.
            for _ in 0..<1000 { server.group.loops[0].sync { @Sendable in } }
            precondition(pauses() == 1)
            server.clock.advance(by: .milliseconds(300))
            precondition(eventually { pauses() == 2 }, "the table is still full")
            for copy in taken { close(copy) }
            server.clock.advance(by: .milliseconds(300))
            precondition(waiting.answer()?.body == "served")
            precondition(server.ask(ExhaustionTests.get)?.body == "served")
            server.stop()
        }
    }

    @Test("a server that drains while accepting pauses for want of descriptors ends in order")
    func drainWithoutDescriptors() async {
        await #expect(processExitsWith: .success) {
            let server = try ServerUnderTest { $0.respond(plain("served")) }
            let counters = server.server.counters
            var limit = rlimit(rlim_cur: 64, rlim_max: 64)
            precondition(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            while dup(client) >= 0 {}
            let waiting = BlockingSocket(connecting: client, to: server.address)
            precondition(eventually { counters.acceptPauses.load(ordering: .relaxed) == 1 })
            let done = DispatchSemaphore(value: 0)
            server.server.drain(deadline: .seconds(5)) { @Sendable in done.signal() }
            done.wait()
            // A pause that outlived its listener would ring now.
            for _ in 0..<3 {
                server.clock.advance(by: .milliseconds(300))
                server.group.loops[0].sync { @Sendable in }
            }
            waiting.close()
        }
    }

    @Test("that no descriptor is left for a connection upstream is no fault of the upstream's")
    func upstreamWithoutDescriptors() async {
        await #expect(processExitsWith: .success) {
            let fleet = Fleet([{ _ in ok("one") }, { _ in ok("two") }])
            let upstream = fleet.upstream { $0.ejection?.failureCount = 2 }
            let server = try ServerUnderTest { $0.stream(to: upstream) }
            let kept = (0..<6).map { _ in server.connect() }
            let counters = server.server.counters
            precondition(eventually { counters.accepted.load(ordering: .relaxed) == 6 })
            var limit = rlimit(rlim_cur: 64, rlim_max: 64)
            precondition(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            let first = dup(0)
            var taken = [first]
            while true {
                let copy = dup(first)
                if copy < 0 { break }
                taken.append(copy)
            }
            for client in kept {
                client.send(ExhaustionTests.get)
                precondition(client.answer()?.status == 503)
            }
            for server in upstream.servers {
                precondition(server.counters.ejections.load(ordering: .relaxed) == 0)
                precondition(server.counters.failures(.connect) == 0)
            }
            for copy in taken { close(copy) }
            for client in kept {
                client.send(ExhaustionTests.get)
                precondition(client.answer()?.status == 200)
            }
        }
    }

    @Test("a loop that is late sheds requests with 503 and Retry-After, counts them, and serves again after")
    func lag() throws {
        var limits = ProxyLimits()
        limits.loopLagMax = .milliseconds(50)
        let server = try ServerUnderTest(settings: ProxySettings(limits: limits), isRealTime: true) {
            exchange in
            if exchange.request.target.path == "/slow" {
                // What a handler that computes for so long does to the others on its loop.
                let clock = SystemClock()
                let end = clock.now().advanced(by: .milliseconds(400))
                while clock.now() < end {}
            }
            exchange.respond(plain("served"))
        }
        let clients = (0..<8).map { _ in server.connect() }
        let slow = server.connect()
        var shed: Answer?
        // Whether a request comes in the batch after the slow one's is the scheduler's to say.
        for _ in 0..<20 where shed == nil {
            server.group.loops[0].sync { @Sendable in
                // While the loop stands here, everything is sent that it takes up at once afterwards.
                slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
                for client in clients { client.send(ExhaustionTests.get + ExhaustionTests.get) }
            }
            #expect(slow.answer() != nil)
            for client in clients {
                for _ in 0..<2 {
                    let answer = client.answer()
                    #expect(answer?.status == 200 || answer?.status == 503)
                    if answer?.status == 503 { shed = answer }
                }
            }
        }
        #expect(shed?.field("retry-after") != nil)
        #expect(server.server.counters.shed[.lag] > 0)
        #expect(eventually("it is not late any more") { server.ask(Self.get)?.status == 200 })
        server.stop()
    }

    @Test(
        "a client that reads a streamed answer slowly holds up its upstream, not memory, and is cut at the least rate"
    )
    func slowReader() throws {
        let total = 64 << 20
        let sent = Atomic<Int>(0)
        let origin = ScriptedUpstream { connection, _ in
            guard connection.receive(through: "\r\n\r\n") != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
            let piece = [UInt8](repeating: 120, count: 64 << 10)
            for _ in 0..<total / piece.count {
                guard connection.send(piece) == piece.count else { return }
                sent.add(piece.count, ordering: .relaxed)
            }
        }
        var limits = ProxyLimits()
        limits.answerIdleTimeout = .seconds(60)
        limits.answerRateWindow = .seconds(10)
        limits.answerBytesPerSecondMin = 1 << 20
        let upstream = origin.upstream { $0.answerIdleTimeout = .seconds(600) }
        let server = try ServerUnderTest(settings: ProxySettings(limits: limits)) { $0.stream(to: upstream) }
        let counters = server.server.counters
        let client = server.connect(receiveBuffer: 4096)
        client.send(Self.get)
        #expect(client.receive(through: "\r\n\r\n") != nil)
        // It comes to rest where the sockets' buffers and the proxy's bound are full.
        #expect(eventually("the bound is reached") { counters.bufferedBytes >= limits.pressureBytes })
        var before = -1
        while true {
            let now = sent.load(ordering: .relaxed)
            if now == before, now > 0 { break }
            before = now
            for _ in 0..<2000 { server.group.loops[0].sync { @Sendable in } }
        }
        #expect(sent.load(ordering: .relaxed) < total / 2)
        #expect(counters.bufferedBytes <= limits.pressureBytes + 2 * server.group.loops[0].scratch.count)
        #expect(counters.timeouts[.answerRate] == 0)
        server.clock.advance(by: .seconds(10.1))
        #expect(eventually { counters.timeouts[.answerRate] == 1 })
        #expect(eventually { counters.connections.load(ordering: .relaxed) == 0 })
        #expect(counters.bufferedBytes == 0)
        #expect(eventually { upstream.connectionCount == 0 }, "the upstream's connection ends with it")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test(
        "a check of a server's health begins with a PROXY header of the gateway's own where requests have one"
    )
    func probe() throws {
        for version in ProxyProtocolWriter.Version.allCases {
            let first = Mutex<[UInt8]>([])
            let origin = ScriptedUpstream { connection, _ in
                let bytes = connection.receive(through: "GET /health") ?? ""
                first.withLock { if $0.isEmpty { $0 = Array(bytes.utf8) } }
                _ = connection.receive(through: "\r\n\r\n")
                connection.send("HTTP/1.1 204 No Content\r\n\r\n")
            }
            let upstream = origin.upstream {
                $0.proxyProtocol = version
                $0.healthCheck = HealthCheckSettings(path: "/health")
            }
            let group = try LoopGroup(count: 1)
            upstream.start(on: group.loops[0]) { _ in }
            #expect(eventually { !first.withLock { $0.isEmpty } })
            let text = String(decoding: first.withLock { $0 }, as: UTF8.self)
            // The proxy-protocol specification §2.1 and §2.2: a connection of the sender's own.
            let own =
                version == .v1 ? "PROXY UNKNOWN\r\nGET /health" : "\r\n\r\n\0\r\nQUIT\n \0\0\0GET /health"
            #expect(text == own)
            upstream.close()
            let done = DispatchSemaphore(value: 0)
            group.shutdown { @Sendable in done.signal() }
            done.wait()
            origin.stop()
        }
    }
}
