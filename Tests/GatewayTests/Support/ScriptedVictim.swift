import Dispatch
import Foundation
import HTTPWire
import Proxy
import Query
import Synchronization
import Tensor
import Transport

/// A prediction endpoint on loopback that answers as it is told and remembers what it was asked.
final class ScriptedVictim: Sendable {
    /// How requests are answered.
    enum Script: Sendable {
        /// By the tiny model's function, in this kind, following the form of the request.
        case model(AnswerKind)
        /// Always the same.
        case fixed(Int, [String], [UInt8])
        /// Not until `release`.
        case hang

        static func text(_ text: String) -> Script { .fixed(200, [], Array(text.utf8)) }
    }

    /// One request as it arrived.
    struct Seen: Sendable {
        let method: String
        let target: String
        let fields: HeaderList
        let body: [UInt8]
    }

    private let loops: LoopGroup
    private let server: ProxyServer
    private let endpoint: ScriptedEndpoint
    private let isStopped = Atomic(false)

    /// A victim for pictures of this shape, already listening.
    init(_ image: ImageShape, layout: PixelLayout = .hwc) throws {
        endpoint = ScriptedEndpoint(
            QueryDecoder(QueryFormat(layout: layout, range: ValueRange(low: -1, high: 1), shape: image)))
        loops = try LoopGroup(count: 1)
        guard let address = SocketAddress(host: "127.0.0.1", port: 0) else {
            throw TransportError.addressInvalid("127.0.0.1")
        }
        server = ProxyServer(
            listeners: [try Listener(binding: address)], loops: loops, handler: endpoint)
        try server.start()
    }

    /// `host:port`.
    var address: String { server.addresses[0].description }
    /// Every request so far.
    var seen: [Seen] { endpoint.seen.withLock { $0 } }
    /// Every body answered so far.
    var answers: [[UInt8]] { endpoint.answers.withLock { $0 } }

    /// From now on answers so.
    func play(_ script: Script) { endpoint.script.withLock { $0 = script } }

    /// Waits for a request that hangs.
    func waitForHanging() -> Bool { endpoint.arrived.wait(timeout: .now() + 20) == .success }

    /// Answers every request that hangs by the model's function.
    func release() {
        for (exchange, body) in endpoint.hanging.withLock({ swapOut(&$0) }) {
            exchange.loop.execute { @Sendable [endpoint] in endpoint.answer(exchange, body, .probabilities) }
        }
    }

    private func swapOut(_ hanging: inout [(Exchange, [UInt8])]) -> [(Exchange, [UInt8])] {
        defer { hanging = [] }
        return hanging
    }

    /// Closes everything; a connection to its address is refused from then on.
    func stop() {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        let ended = DispatchSemaphore(value: 0)
        endpoint.hanging.withLock { $0 = [] }
        server.drain(deadline: .zero) { @Sendable [loops] in loops.shutdown { @Sendable in ended.signal() } }
        ended.wait()
    }
}

/// The handler of a scripted victim.
final class ScriptedEndpoint: RequestHandler {
    let seen = Mutex<[ScriptedVictim.Seen]>([])
    let answers = Mutex<[[UInt8]]>([])
    let script = Mutex(ScriptedVictim.Script.model(.probabilities))
    let hanging = Mutex<[(Exchange, [UInt8])]>([])
    let arrived = DispatchSemaphore(value: 0)
    private let decoder: QueryDecoder

    init(_ decoder: QueryDecoder) { self.decoder = decoder }

    func handle(_ exchange: Exchange) {
        exchange.collectBody(bytesMax: 16 << 20) { body in
            let request = exchange.request
            self.seen.withLock {
                $0.append(
                    ScriptedVictim.Seen(
                        method: request.method.name, target: request.target.text, fields: request.fields,
                        body: body))
            }
            switch self.script.withLock({ $0 }) {
            case .model(let kind): self.answer(exchange, body, kind)
            case .fixed(let status, let fields, let body): self.respond(exchange, status, fields, body)
            case .hang:
                self.hanging.withLock { $0.append((exchange, body)) }
                self.arrived.signal()
            }
        }
    }

    /// Answers a query by the tiny model's function, and anything else with a plain text.
    func answer(_ exchange: Exchange, _ body: [UInt8], _ kind: AnswerKind) {
        guard let batch = try? decoder.decode(body) else {
            return respond(exchange, 200, ["Content-Type: text/plain"], Array("plain \(body.count)".utf8))
        }
        let rows = (0..<batch.rows).map { row -> String in
            let probabilities = TinyModel.answer(to: batch.row(row))
            let values =
                switch kind {
                case .probabilities: probabilities
                case .logProbabilities: probabilities.map { Float(log(Double($0))) }
                case .logits: probabilities.map { Float(log(Double($0))) + 3 }
                case .topK: Array(probabilities.sorted(by: >).dropLast())
                case .labels:
                    [Float(probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0)]
                }
            return "[" + values.map(\.description).joined(separator: " ,\t") + "]"
        }
        // White space and names that no encoder would make: what passes unchanged must keep them.
        let key = batch.form == .rows ? "predictions" : "outputs"
        let text =
            "{ \"model\": {\"version\": \"7\"},\r\n\"\(key)\" : [ \(rows.joined(separator: ",\n  ")) ]}\n"
        respond(
            exchange, 200,
            ["Content-Type: application/json", "ETag: \"1\"", "Digest: sha-256=x", "X-Model: tiny"],
            Array(text.utf8))
    }

    private func respond(_ exchange: Exchange, _ status: Int, _ lines: [String], _ body: [UInt8]) {
        var fields = HeaderList()
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1)
            try? fields.add(String(parts[0]), String(parts[1].drop { $0 == " " }))
        }
        answers.withLock { $0.append(body) }
        exchange.respond(Response(status: status, fields: fields, body: body))
    }
}
