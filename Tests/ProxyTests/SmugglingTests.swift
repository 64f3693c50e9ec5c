import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Proxy

/// One payload of the families published for request smuggling, and what must become of it. `Scripts/judge-http`
/// sends the same file to the running program.
struct SmugglingCase: Decodable, CustomTestStringConvertible {
    let section: String
    let family: String
    let name: String
    let send: String
    /// Requests that may reach the back end whole.
    let forwards: Int
    /// Whether the connection ends afterwards; `status` is then 200 for a plain end and more for a refusal.
    let refused: Bool
    let status: Int

    var testDescription: String { "RFC \(section) \(family): \(name)" }

    /// One byte a character, `{{X*N}}` written out.
    var bytes: [UInt8] {
        let text = send.replacing(#/\{\{([^*]*)\*(\d+)\}\}/#) { found in
            String(repeating: String(found.1), count: Int(found.2) ?? 0)
        }
        return text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    }

    static func all() throws -> [SmugglingCase] {
        let file = try #require(
            Bundle.module.url(forResource: "smuggling", withExtension: "json", subdirectory: "Fixtures"))
        return try JSONDecoder().decode([SmugglingCase].self, from: Data(contentsOf: file))
    }
}

/// Reads strictly, answers each request with its target, and keeps what it saw.
final class JudgingBackEnd: Sendable {
    struct Seen {
        var targets: [String] = []
        var doubts: [String] = []
        /// Connections that wait inside a request.
        var open = 0
    }

    let seen = Mutex(Seen())

    func serve(_ connection: BlockingSocket) {
        var bytes: [UInt8] = []
        while let piece = connection.receive() {
            if bytes.isEmpty { seen.withLock { $0.open += 1 } }
            bytes += piece
            do {
                while !bytes.isEmpty {
                    let (request, count) = try StrictReader.request(bytes)
                    bytes.removeFirst(count)
                    seen.withLock { $0.targets.append(request.target) }
                    connection.send(ok(request.target))
                }
                seen.withLock { $0.open -= 1 }
            } catch let doubt as StrictReader.Doubtful {
                seen.withLock { $0.doubts.append(doubt.what) }
                break
            } catch {
                continue
            }
        }
        if !bytes.isEmpty { seen.withLock { $0.open -= 1 } }
    }
}

@Suite("Published payloads before a strict back end")
struct SmugglingTests {
    @Test(
        "what reaches the back end can be read in one way only (RFC 9112 §11.2)",
        arguments: ["streamed", "collected"])
    func judged(way: String) throws {
        let back = JudgingBackEnd()
        let origin = ScriptedUpstream { connection, _ in back.serve(connection) }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { exchange in
            if way == "streamed" { return exchange.stream(to: upstream) }
            exchange.collectBody(bytesMax: 1 << 20) { body in
                exchange.forward(body: body, to: upstream, answerBytesMax: 1 << 20) { result in
                    switch result {
                    case .success(let answer):
                        exchange.respond(plain(String(decoding: answer.body, as: UTF8.self)))
                    case .failure: exchange.respond(Response(status: 502))
                    }
                }
            }
        }
        for payload in try SmugglingCase.all() {
            back.seen.withLock { $0 = JudgingBackEnd.Seen(open: $0.open) }
            let fault = talk(payload, server.connect())
            #expect(fault == nil, "\(payload.testDescription)")
            #expect(eventually(payload.testDescription) { back.seen.withLock { $0.open } == 0 })
            let seen = back.seen.withLock { $0 }
            #expect(seen.doubts.isEmpty, "\(payload.testDescription): \(seen.doubts)")
            let targets = seen.targets.filter { $0 != "/probe" }
            #expect(targets.count == payload.forwards, "\(payload.testDescription): \(targets)")
            #expect(!targets.contains("/hidden"), "\(payload.testDescription)")
        }
        server.stop()
        upstream.close()
        origin.stop()
    }

    /// What is wrong with the answers, if anything.
    private func talk(_ payload: SmugglingCase, _ client: BlockingSocket) -> String? {
        client.send(payload.bytes)
        if payload.name.contains("cut short") { client.shutdownWrite() }
        for _ in 0..<payload.forwards {
            var answer = client.answer()
            while answer?.status == 100 { answer = client.answer() }
            guard answer?.status == 200 else { return "no answer to a good request" }
        }
        guard payload.refused else {
            client.send("GET /probe HTTP/1.1\r\nHost: h\r\n\r\n")
            return client.answer()?.body == "/probe" ? nil : "the next request did not get its own answer"
        }
        let rest = client.receiveAll()
        if payload.status == 200 || payload.name.contains("cut short") {
            return rest.isEmpty || rest.hasPrefix("HTTP/1.1 4") ? nil : "more answers: \(rest)"
        }
        let status = Answer(head: rest, body: "").status
        if [413, 417].contains(payload.status) { return status == payload.status ? nil : "\(status)" }
        return (400..<600).contains(status) ? nil : "not refused: \(rest)"
    }
}
