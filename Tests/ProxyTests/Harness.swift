import Dispatch
import Foundation
import HTTPWire
import Synchronization
import Testing
import Transport

@testable import Proxy

/// A handler made of closures that remembers outcomes.
final class ClosureHandler: RequestHandler {
    let body: @Sendable (Exchange) -> Void
    let outcomes = Mutex<[ExchangeOutcome]>([])
    /// The targets of those that had a request.
    let targets = Mutex<[String]>([])

    init(_ body: @escaping @Sendable (Exchange) -> Void) { self.body = body }

    func handle(_ exchange: Exchange) { body(exchange) }
    func finished(_ outcome: ExchangeOutcome, of request: RequestHead) {
        if outcome.hasRequest { targets.withLock { $0.append(request.target.text) } }
        outcomes.withLock { $0.append(outcome) }
    }
}

/// A server on loopback with its loops, ended by `stop`.
final class ServerUnderTest {
    let group: LoopGroup
    let server: ProxyServer
    let handler: ClosureHandler
    let clock: ManualClock

    init(
        loops: Int = 1, settings: ProxySettings = ProxySettings(), isRealTime: Bool = false,
        _ body: @escaping @Sendable (Exchange) -> Void
    ) throws {
        clock = ManualClock()
        // The manual clock moves nothing then.
        group = try isRealTime ? LoopGroup(count: loops) : LoopGroup(count: loops, clock: clock)
        handler = ClosureHandler(body)
        let listener = try Listener(binding: try #require(SocketAddress(host: "127.0.0.1", port: 0)))
        server = ProxyServer(listeners: [listener], loops: group, settings: settings, handler: handler)
        try server.start()
    }

    var address: SocketAddress { server.addresses[0] }
    var outcomes: [ExchangeOutcome] { handler.outcomes.withLock { $0 } }

    func connect(receiveBuffer: Int32? = nil) -> BlockingSocket {
        BlockingSocket.connect(to: address, receiveBuffer: receiveBuffer)
    }

    /// One request on a fresh connection.
    func ask(_ text: String) -> Answer? {
        let client = connect()
        client.send(text)
        return client.answer()
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
}

/// An upstream whose every connection is served by a closure on its own thread.
final class ScriptedUpstream: @unchecked Sendable {
    // because: everything mutable is behind a lock.
    let port: UInt16
    private let listener: BlockingSocket
    private let accepted = Atomic<Int>(0)

    /// How many connections have been accepted.
    var connections: Int { accepted.load(ordering: .relaxed) }

    init(_ serve: @escaping @Sendable (BlockingSocket, Int) -> Void) {
        (listener, port) = BlockingSocket.listening()
        // It is there until it is stopped, however long its test waits for a turn.
        listener.limitWaits(seconds: 0)
        Thread.detachNewThread { @Sendable [self, listener] in
            while let connection = listener.accept() {
                let number = accepted.wrappingAdd(1, ordering: .relaxed).oldValue
                Thread.detachNewThread { @Sendable in
                    serve(connection, number)
                    connection.close()
                }
            }
            listener.close()
        }
    }

    /// Ends the accepting thread, which closes the descriptor itself: nobody else can know when it is done with it.
    func stop() { listener.shutdownBoth() }

    /// Answers each request, however framed by Content-Length or none, with `answer(request)`.
    static func answering(_ answer: @escaping @Sendable (String) -> String) -> ScriptedUpstream {
        ScriptedUpstream { connection, _ in
            while let head = connection.receive(through: "\r\n\r\n") {
                let length = Answer(head: head, body: "").field("content-length").flatMap { Int($0) } ?? 0
                guard let body = connection.receive(exactly: length) else { return }
                connection.send(answer(head + String(decoding: body, as: UTF8.self)))
            }
        }
    }

    func upstream(_ change: (inout UpstreamSettings) -> Void = { _ in }) -> Upstream {
        var settings = UpstreamSettings(
            name: "victim", endpoint: Endpoint(host: "127.0.0.1", port: port))
        change(&settings)
        return Upstream(settings: settings)
    }
}

/// `200` with a text.
func plain(_ text: String) -> Response {
    Response(status: 200, contentType: "text/plain", body: Array(text.utf8))
}

/// An answer of an upstream.
func ok(_ text: String, _ fields: String = "") -> String {
    "HTTP/1.1 200 OK\r\n\(fields)Content-Length: \(text.utf8.count)\r\n\r\n\(text)"
}

/// How many descriptors this process has open.
func openDescriptors() -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? -1
}
