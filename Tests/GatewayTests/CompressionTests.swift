import Client
import Coding
import Foundation
import HTTPWire
import TestSupport
import Testing

@testable import Gateway

@Suite("Gateway: compression of streamed answers")
struct CompressionTests {
    private static let text = Array(String(repeating: "All human beings are born free. ", count: 400).utf8)
    private static let typed = [
        "Content-Type: text/plain; charset=utf-8", "ETag: \"e\"", "Accept-Ranges: bytes",
    ]
    private static let rule = "compress: {types: [text/*, application/json], min_bytes: 1KiB, level: 6}"

    private func fixture(_ rest: String = "") throws -> GatewayFixture {
        let fixture = try GatewayFixture.make(Plan(restKeys: rest, sections: Self.rule))
        fixture.victim.play(.fixed(200, Self.typed, Self.text))
        return fixture
    }

    private func get(
        _ fixture: GatewayFixture, _ method: HTTPWire.Method = .get,
        _ fields: KeyValuePairs<String, String> = ["Accept-Encoding": "gzip"]
    ) throws -> ClientResponse {
        try fixture.ask(body: [], path: "/metadata", method: method, fields: fields)
    }

    private func decoded(_ body: [UInt8], _ coding: ContentCoding = .gzip) throws -> [UInt8] {
        try BodyDecoder.decode(body, [coding], limits: DecodingLimits(bytesMax: 64 << 20, ratioMax: 1032))
    }

    @Test("an answer of a listed type is compressed, and its fields say so (RFC 9110 §8.4, §8.8.1, §12.5.5)")
    func compressed() throws {
        let fixture = try fixture()
        for name in ["gzip", "deflate"] {
            let answer = try get(fixture, .get, ["Accept-Encoding": "br, \(name)"])
            #expect(answer.status == 200 && answer.fields.value("content-encoding") == name)
            #expect(try decoded(answer.body, #require(ContentCoding(name))) == Self.text)
            #expect(answer.body.count < Self.text.count / 10)
            #expect(answer.fields.value("transfer-encoding") == "chunked")
            #expect(!answer.fields.contains("content-length") && !answer.fields.contains("accept-ranges"))
            #expect(
                answer.fields.value("etag") == "W/\"e\"" && answer.fields.value("vary") == "Accept-Encoding")
        }
        let lines = try fixture.lines("access")
        #expect(lines.map { $0["answer_encoding"] as? String } == ["gzip", "deflate"])
        #expect(lines[0]["answer_bytes"] as? Int ?? .max < Self.text.count / 10)
    }

    @Test("a client that accepts no coding gets the answer as it came, but for Vary")
    func unaccepted() throws {
        let fixture = try fixture()
        for accepted in ["identity", "gzip;q=0", "br"] {
            let answer = try get(fixture, .get, ["Accept-Encoding": accepted])
            #expect(answer.body == Self.text && answer.fields.value("etag") == "\"e\"")
            #expect(answer.fields.value("content-length") == String(Self.text.count))
            #expect(answer.fields.value("vary") == "Accept-Encoding")
        }
    }

    @Test("HEAD is answered with the fields of GET, but for a length (RFC 9110 §9.3.2)")
    func head() throws {
        let answer = try get(fixture(), .head)
        #expect(answer.body.isEmpty && answer.fields.value("content-encoding") == "gzip")
        #expect(!answer.fields.contains("content-length") && answer.fields.value("etag") == "W/\"e\"")
    }

    @Test(
        "left alone: other types, short, coded, no-transform, partial, without a body",
        arguments: [
            (200, ["Content-Type: image/png"], 12_800), (200, ["Content-Type: textile/plain"], 12_800),
            (200, [], 12_800), (200, ["Content-Type: text/plain"], 1023),
            (200, ["Content-Type: text/plain", "Content-Encoding: br"], 12_800),
            (200, ["Content-Type: text/plain", "Cache-Control: max-age=1, No-Transform"], 12_800),
            (206, ["Content-Type: text/plain", "Content-Range: bytes 0-12799/99999"], 12_800),
            (204, ["Content-Type: text/plain"], 0), (304, ["Content-Type: text/plain", "ETag: \"e\""], 0),
        ])
    func untouched(status: Int, lines: [String], count: Int) throws {
        let fixture = try fixture()
        let body = Array(Self.text.prefix(count))
        fixture.victim.play(.fixed(status, lines, body))
        let answer = try get(fixture)
        #expect(answer.status == status && answer.body == body && !answer.fields.contains("vary"))
        for line in lines {
            let name = String(line.prefix { $0 != ":" })
            #expect(answer.fields.value(named: name) == String(line.dropFirst(name.count + 2)))
        }
        if count > 0 { #expect(answer.fields.value("content-length") == String(count)) }
    }

    @Test("a range is of the bytes as they are (RFC 9110 §14.2), and HTTP/1.0 has no chunks")
    func unsuited() throws {
        let fixture = try fixture()
        let ranged = try get(fixture, .get, ["Accept-Encoding": "gzip", "Range": "bytes=0-9"])
        #expect(ranged.body == Self.text)
        let old = try RawConnection(port: fixture.port)
        old.send("GET /metadata HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
        let lines = old.fieldLines()
        #expect(
            lines.contains("content-length: \(Self.text.count)") && !lines.contains("content-encoding: gzip"))
        old.close()
    }

    @Test("a route's own section stands for the gateway's, and off is off")
    func route() throws {
        let off = try get(fixture(", compress: {enabled: false}"))
        #expect(off.body == Self.text && !off.fields.contains("vary"))
        let others = try get(fixture(", compress: {types: [image/png]}"))
        #expect(others.body == Self.text)
        let none = try GatewayFixture.make()
        none.victim.play(.fixed(200, Self.typed, Self.text))
        #expect(try get(none).fields.value("vary") == nil)
    }

    @Test("beyond the number that may be compressed at once answers pass as they come, counted")
    func bounded() throws {
        let plan = Plan(sections: Self.rule + "\nlimits: {compressed_answers: 1}")
        let server = try RawServer { connection in
            connection.readRequest()
            connection.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.send("5\r\nhello\r\n")
            connection.readRequest()
        }
        defer { server.stop() }
        let fixture = try GatewayFixture.make(plan, upstream: "127.0.0.1:\(server.port)")
        let request = "GET /a HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
        var connections: [RawConnection] = []
        for coding in ["content-encoding: gzip", nil] as [String?] {
            let connection = try RawConnection(port: fixture.port)
            connection.send(request)
            #expect(connection.fieldLines().first { $0.hasPrefix("content-encoding") } == coding)
            connections.append(connection)
        }
        let codings = fixture.gateway.services.codings
        #expect(codings.counters.passedUncompressed.load(ordering: .relaxed) == 1)
        // A client that goes away gives back what its answer took.
        connections[0].close()
        #expect(eventually("given back") { codings.deflaters.borrowed == 0 })
        connections[1].close()
    }

    @Test("an event reaches the client before the next is made (server-sent events do not stall)")
    func events() throws {
        let next = DispatchSemaphore(value: 0)
        let server = try RawServer { connection in
            connection.readRequest()
            connection.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for index in 0..<5 {
                let event = "data: \(index)\n\n"
                connection.send(String(event.utf8.count, radix: 16) + "\r\n" + event + "\r\n")
                guard next.wait(timeout: .now() + 20) == .success else { return }
            }
            connection.send("0\r\n\r\n")
        }
        defer { server.stop() }
        let fixture = try GatewayFixture.make(
            Plan(sections: Self.rule), upstream: "127.0.0.1:\(server.port)")
        let client = try RawConnection(port: fixture.port)
        client.send("GET /events HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
        #expect(client.fieldLines().contains("content-encoding: gzip"))
        let inflater = Inflater(.gzip, limits: .ownFiles)
        var text = ""
        for index in 0..<5 {
            while !text.hasSuffix("data: \(index)\n\n") {
                let size = try #require(Int(client.line(), radix: 16))
                let chunk = try (0..<size).map { _ in try #require(client.readByte()) }
                _ = client.line()
                try chunk.withUnsafeBytes {
                    try inflater.inflate($0) { text += String(decoding: $0, as: UTF8.self) }
                }
            }
            next.signal()
        }
        client.close()
    }
}
