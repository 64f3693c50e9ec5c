import HTTPWire
import Synchronization
import Testing
import Transport

@testable import Proxy

/// Servers of one upstream, each on a port of its own, and what they were asked.
final class Fleet: Sendable {
    /// What a server does with each request; nil closes the connection.
    typealias Behaviour = @Sendable (String) -> String?

    let servers: [ScriptedUpstream]
    private let log: Log
    /// Ports where nobody listens, kept so that no other test gets one.
    private let graves = Mutex<[BlockingSocket]>([])

    /// A server for each behaviour. One that gives an empty answer keeps silent.
    init(_ behaviours: [Behaviour]) {
        let log = Log()
        servers = behaviours.enumerated().map { index, behaviour in
            ScriptedUpstream { connection, _ in
                while let request = Self.request(on: connection) {
                    log.entries.withLock { $0.append((index, request)) }
                    guard let answer = behaviour(request) else { return }
                    if answer.isEmpty {
                        _ = connection.receive()
                        return
                    }
                    connection.send(answer)
                }
            }
        }
        self.log = log
    }

    private final class Log: Sendable {
        let entries = Mutex<[(server: Int, request: String)]>([])
    }

    /// Which servers were asked, in order.
    var asked: [Int] { log.entries.withLock { $0.map(\.server) } }
    /// What they were asked, in order.
    var requests: [String] { log.entries.withLock { $0.map(\.request) } }

    /// A request with its body, by Content-Length or in chunks.
    private static func request(on connection: BlockingSocket) -> String? {
        guard let head = connection.receive(through: "\r\n\r\n") else { return nil }
        let fields = Answer(head: head, body: "")
        if let length = fields.field("content-length").flatMap({ Int($0) }) {
            guard let body = connection.receive(exactly: length) else { return nil }
            return head + String(decoding: body, as: UTF8.self)
        }
        guard fields.field("transfer-encoding") == "chunked" else { return head }
        var all = head
        while let line = connection.receive(through: "\r\n"), let size = Int(line.dropLast(), radix: 16) {
            if size == 0 { return connection.receive(through: "\r\n").map { all + $0 } }
            guard let data = connection.receive(exactly: size + 2) else { return nil }
            all += String(decoding: data.dropLast(2), as: UTF8.self)
        }
        return nil
    }

    /// The upstream of all servers, those of `dead` on ports where nobody listens.
    func upstream(
        dead: Int = 0, resolver: Resolver = Resolver(), _ change: (inout UpstreamSettings) -> Void = { _ in }
    ) -> Upstream {
        let graves = (0..<dead).map { _ in BlockingSocket.bound() }
        self.graves.withLock { $0 += graves.map(\.0) }
        let servers = (graves.map(\.port) + servers.map(\.port)).map {
            UpstreamServerSettings(endpoint: Endpoint(host: "127.0.0.1", port: $0))
        }
        var settings = UpstreamSettings(name: "victim", servers: servers)
        change(&settings)
        return Upstream(settings: settings, resolver: resolver)
    }

    func stop() {
        for server in servers { server.stop() }
    }
}

/// A server, its upstream and the fleet behind it, ended together.
struct Chain {
    let fleet: Fleet
    let upstream: Upstream
    let server: ServerUnderTest
    let events = Events()

    /// What the upstream has told.
    final class Events: Sendable {
        let all = Mutex<[UpstreamEvent]>([])
        var changes: [UpstreamEvent.Change] { all.withLock { $0.map(\.change) } }
    }

    init(
        _ behaviours: [Fleet.Behaviour], dead: Int = 0, way: UpstreamFailureTests.Way = .stream,
        resolver: Resolver = Resolver(), isKept: Bool = false,
        _ change: (inout UpstreamSettings) -> Void = { _ in }
    ) throws {
        fleet = Fleet(behaviours)
        upstream = fleet.upstream(dead: dead, resolver: resolver, change)
        server = try ServerUnderTest(UpstreamFailureTests.handler(way, upstream))
        let events = events
        guard isKept else { return }
        let loop = server.group.loops[0]
        upstream.start(on: loop) { event in events.all.withLock { $0.append(event) } }
        // The clock must not move before the first check has its time.
        loop.sync { @Sendable in }
    }

    static let get = "GET / HTTP/1.1\r\nHost: client.example\r\n\r\n"
    static let post = "POST / HTTP/1.1\r\nHost: client.example\r\nContent-Length: 4\r\n\r\nbody"

    /// One request on a fresh connection.
    func ask(_ text: String = get) -> Answer? { server.ask(text) }

    func stop() {
        server.stop()
        upstream.close()
        fleet.stop()
    }
}

/// Answers with the name.
func named(_ name: String) -> Fleet.Behaviour { { _ in ok(name) } }
