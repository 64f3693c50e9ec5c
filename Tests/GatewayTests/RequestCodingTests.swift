import Client
import Coding
import HTTPWire
import Synchronization
import Tensor
import TestSupport
import Testing
import Transport

@testable import Gateway

@Suite("Gateway: queries in a content coding")
struct RequestCodingTests {
    /// A body, coded by each in turn.
    private func coded(_ body: [UInt8], _ codings: ContentCoding...) throws -> [UInt8] {
        try codings.reduce(body) { try Deflater.encode($0, $1, level: 6) }
    }

    private func codings(_ fixture: GatewayFixture) -> CodingCounters {
        fixture.gateway.services.codings.counters
    }

    @Test(
        "a coded query scores bit-identically to the plain one, and the victim gets the same bytes (RFC 9110 §8.4)"
    )
    func sameScore() throws {
        let fixture = try GatewayFixture.make()
        let body = fixture.body([try fixture.model.picture(5..<90)])
        let forms: [(String, [UInt8])] = [
            ("gzip", try coded(body, .gzip)), ("X-GZip", try coded(body, .gzip)),
            ("deflate", try coded(body, .deflate)),
            // Bare RFC 1951: a zlib stream without its header and checksum.
            ("deflate", Array(try coded(body, .deflate).dropFirst(2).dropLast(4))),
            ("identity, gzip", try coded(body, .gzip)), ("deflate, gzip", try coded(body, .deflate, .gzip)),
        ]
        let plain = try fixture.ask(body: body, fields: ["Content-Type": "application/json"])
        #expect(plain.status == 200)
        for (name, form) in forms {
            let answer = try fixture.ask(
                body: form, fields: ["Content-Encoding": name, "Content-Digest": "sha-256=:eA==:"])
            #expect(answer.status == 200 && answer.body == plain.body, "\(name)")
        }
        for seen in fixture.victim.seen {
            #expect(seen.body == body && seen.fields.value("content-length") == String(body.count))
            #expect(!seen.fields.contains("content-encoding") && !seen.fields.contains("content-digest"))
        }
        #expect(codings(fixture).requestsDecoded.load(ordering: .relaxed) == forms.count)
        let lines = try fixture.lines("decisions")
        #expect(lines.count == forms.count + 1)
        for (line, coding) in zip(lines, ["-"] + forms.map(\.0)) {
            for key in ["score", "reconstruction", "deviation"] {
                #expect(line[key] as? Double == lines[0][key] as? Double)
            }
            #expect(line["digest"] as? String == lines[0]["digest"] as? String)
            #expect(line["content_encoding"] as? String ?? "-" == coding)
        }
    }

    @Test("a long body is decoded on the scoring pool, with the same result")
    func long() throws {
        let fixture = try GatewayFixture.make(Plan(queue: 1000))
        let pictures = try (0..<400).map { try fixture.model.picture(5..<90, seed: UInt64(1 + $0 % 3)) }
        let body = fixture.body(pictures)
        #expect(body.count > 2 * ProtectedExchange.decodeInlineBytesMax)
        let plain = try fixture.ask(body: body)
        let answer = try fixture.ask(body: try coded(body, .gzip), fields: ["Content-Encoding": "gzip"])
        #expect(answer.status == 200 && answer.body == plain.body)
    }

    @Test("what a coded body becomes counts for buffer_bytes while the victim works; past it a query is 503")
    func memory() throws {
        var plan = Plan()
        plan.sections = "limits: {buffer_bytes: 11MiB, request_body_bytes: 4MiB}"
        let fixture = try GatewayFixture.make(plan)
        fixture.victim.play(.hang)
        var body = fixture.body([try fixture.model.picture(5..<45)])
        var generator = RandomGenerator(seed: 5, stream: 1)
        // Space, for the most part: under the 200 to 1 that a body may be coded at.
        while body.count < 4 << 20 {
            let filler = Array(" \n\t\r".utf8)
            body += [filler[generator.integer(below: 4)]] + [UInt8](repeating: filler[0], count: 15)
        }
        body.removeLast(body.count - (4 << 20))
        let form = try coded(body, .gzip)
        #expect(form.count < 1 << 20)
        let endpoint = try Endpoint(parsing: fixture.gateway.addresses[0])
        let waiting = (0..<2).map { _ in
            let asked = Background {
                let fields = try HeaderList(["Content-Encoding": "gzip"])
                return try HTTPClient(endpoint).send(
                    .post, "/v1/models/m:predict", fields: fields, body: form)
            }
            #expect(fixture.victim.waitForHanging())
            return asked
        }
        let bytes = "samegate_buffered_bytes"
        #expect(try Exposed(fixture.admin().send(.get, "/metrics"))[bytes] ?? 0 >= Double(8 << 20))
        let refused = try fixture.ask(body: form, fields: ["Content-Encoding": "gzip"])
        #expect(refused.status == 503 && refused.fields.value("retry-after") == "1")
        fixture.victim.release()
        for asked in waiting { #expect(try asked.value().status == 200) }
        #expect(
            eventually {
                let metrics = try? Exposed(fixture.admin().send(.get, "/metrics"))
                return metrics?[bytes] ?? .infinity < Double(1 << 20)
            })
    }

    @Test("forward_encoded sends the body on as the client coded it")
    func forwardEncoded() throws {
        let fixture = try GatewayFixture.make(Plan(protectKeys: ", forward_encoded: true"))
        fixture.victim.play(.text("{}"))
        let body = try coded(fixture.body([try fixture.model.picture(5..<45)]), .gzip)
        _ = try fixture.ask(body: body, fields: ["Content-Encoding": "gzip"])
        let seen = try #require(fixture.victim.seen.first)
        #expect(seen.body == body && seen.fields.value("content-encoding") == "gzip")
    }

    @Test(
        "a bomb is refused 413 whatever the route's fallback and mode are, and reaches nobody",
        arguments: [("reject", "enforce"), ("pass", "enforce"), ("pass", "observe")])
    func bombs(onUndecodable: String, mode: String) throws {
        let fixture = try GatewayFixture.make(
            Plan(mode: mode, onUndecodable: onUndecodable, sections: "limits: {request_body_bytes: 1MiB}"))
        let zeros = try coded([UInt8](repeating: 0x20, count: 2 << 20), .gzip)
        let bodies: [(String, [UInt8])] = [
            ("gzip", zeros), ("gzip, deflate", try coded(zeros, .deflate)),
            // The ratio alone: 512 KiB of blanks are within the bound on bytes.
            ("gzip", try coded([UInt8](repeating: 0x20, count: 512 << 10), .gzip)),
            ("gzip", Array(repeatElement(try coded([0x20], .gzip), count: 17).joined())),
            ("deflate", Array(repeatElement([0, 0, 0, 0xFF, 0xFF], count: 30_000).joined())),
            ("gzip, gzip, gzip", zeros),
        ]
        for (name, body) in bodies {
            let answer = try fixture.ask(body: body, fields: ["Content-Encoding": name])
            #expect(answer.status == 413, "\(name): \(answer.text)")
            #expect(try answer.problemKind() == "decoded-too-large")
        }
        #expect(fixture.victim.seen.isEmpty)
        #expect(codings(fixture).overLimits.load(ordering: .relaxed) == bodies.count)
        #expect(try fixture.verdicts() == Array(repeating: "reject", count: bodies.count))
    }

    @Test("decoded, a body may be as long as its route says, less or more than elsewhere")
    func routeLimits() throws {
        let pictures = try (0..<60).map {
            try GatewayFixture.make().model.picture(5..<90, seed: UInt64(1 + $0))
        }
        func status(_ route: String, _ all: String) throws -> Int {
            let fixture = try GatewayFixture.make(
                Plan(
                    queue: 1000, predictKeys: ", limits: {request_body_bytes: \(route)}",
                    sections: "limits: {request_body_bytes: \(all)}"))
            let body = fixture.body(pictures)
            #expect(body.count > 40 << 10)
            return try fixture.ask(body: try coded(body, .gzip), fields: ["Content-Encoding": "gzip"]).status
        }
        #expect(try status("32KiB", "8MiB") == 413)
        #expect(try status("8MiB", "32KiB") == 200)
    }

    @Test("an unknown coding is answered 415 with what is known, before the body is read (RFC 9110 §15.5.16)")
    func unknown() throws {
        let fixture = try GatewayFixture.make()
        let client = try RawConnection(port: fixture.port)
        client.send(
            "POST /v1/models/m:predict HTTP/1.1\r\nHost: x\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\n"
        )
        #expect(client.line() == "HTTP/1.1 415 Unsupported Media Type")
        #expect(client.fieldLines().contains("accept-encoding: gzip, deflate"))
        client.close()
    }

    @Test("what is damaged or unknown passes as it came where the route says so, and is refused where not")
    func fallback() throws {
        let body = Array("no gzip".utf8)
        for (name, status) in [("gzip", 400), ("br", 415)] {
            let closed = try GatewayFixture.make()
            #expect(try closed.ask(body: body, fields: ["Content-Encoding": name]).status == status)
            #expect(closed.victim.seen.isEmpty)
            let open = try GatewayFixture.make(Plan(onUndecodable: "pass"))
            #expect(try open.ask(body: body, fields: ["Content-Encoding": name]).status == 200)
            #expect(open.victim.seen[0].body == body)
            #expect(open.victim.seen[0].fields.value("content-encoding") == name)
            #expect(try open.verdicts() == ["unscored"])
        }
    }
}
