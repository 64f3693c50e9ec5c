import Client
import Dispatch
import Foundation
import HTTPWire
import Query
import Tensor
import TestSupport
import Testing
import Transport

@testable import Gateway

@Suite("Gateway: more queries than can be scored")
struct OverloadTests {
    @Test(
        "what a client that went away had waiting is gone with it, its body and its share of the queue",
        arguments: [1, 300])
    func hungUp(rows: Int) throws {
        let fixture = try GatewayFixture.make(Plan(queue: 1))
        let pool = fixture.gateway.services.scoring
        let (started, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        _ = pool.submit(rows: 1) { _ in
            started.signal()
            gate.wait()
        }
        started.wait()
        let picture = try fixture.model.picture(5..<45)
        let body = fixture.body(Array(repeating: picture, count: rows))
        #expect((body.count > ProtectedExchange.decodeInlineBytesMax) == (rows > 1))
        for _ in 0..<3 {
            let connection = try RawConnection(port: fixture.port)
            connection.send(
                "POST /v1/models/m:predict HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\r\n")
            connection.send(body)
            #expect(eventually("something in the queue") { pool.queuedRows == 1 })
            connection.close()
            #expect(eventually("nothing in the queue") { pool.queuedRows == 0 })
        }
        let endpoint = try Endpoint(parsing: fixture.gateway.addresses[0])
        let answer = Background {
            try HTTPClient(endpoint, timeout: .seconds(60)).send(
                .post, "/v1/models/m:predict", body: body)
        }
        #expect(eventually("a query in the queue") { pool.queuedRows == 1 })
        gate.signal()
        #expect(try answer.value().status == 200)
        #expect(try fixture.verdicts().filter { $0 == "unanswered" }.count == 3)
    }

    @Test(
        "of a client's single rows one at a time goes by a queue that is full of others', where policies are enforced",
        arguments: ["enforce", "observe"])
    func oneAtATime(mode: String) throws {
        let fixture = try GatewayFixture.make(Plan(mode: mode))
        let pool = fixture.gateway.services.scoring
        let release = FallbackTests.saturate(fixture)
        defer { release() }
        fixture.victim.play(.hang)
        let body = fixture.body([try fixture.model.picture(99..<100)])
        let endpoint = try Endpoint(parsing: fixture.gateway.addresses[0])
        let first = Background {
            try HTTPClient(endpoint, timeout: .seconds(60)).send(.post, "/v1/models/m:predict", body: body)
        }
        #expect(fixture.victim.waitForHanging())
        fixture.victim.play(.model(.probabilities))
        let second = try fixture.ask(body: body)
        #expect(second.status == (mode == "enforce" ? 429 : 200))
        if mode == "enforce" { #expect(try second.problemKind() == "crowding" && pool.passingRows == 1) }
        fixture.victim.release()
        #expect(try first.value().status == 200)
        // The answer to the one makes way for the next.
        for _ in 0..<3 { #expect(try fixture.ask(body: body).status == 200) }
        #expect(pool.passingRows == 0)
        release()
        let verdicts = try fixture.verdicts()
        #expect(verdicts.filter { $0 == "unscored" }.count == (mode == "enforce" ? 4 : 5))
    }

    @Test(
        "a row that went by without a score and came to nothing is in nobody's way",
        arguments: ["gone", "failed"])
    func passesEnd(end: String) throws {
        let clock = ManualClock()
        let fixture = try GatewayFixture.make(Plan(upstream: ", first_byte_timeout: 5s"), clock: clock)
        let pool = fixture.gateway.services.scoring
        let release = FallbackTests.saturate(fixture)
        defer { release() }
        fixture.victim.play(.hang)
        let body = fixture.body([try fixture.model.picture(99..<100)])
        let connection = try RawConnection(port: fixture.port)
        connection.send(
            "POST /v1/models/m:predict HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\r\n")
        connection.send(body)
        #expect(fixture.victim.waitForHanging())
        #expect(pool.passingRows == 1)
        if end == "gone" {
            connection.close()
        } else {
            clock.advance(by: .seconds(6))
            #expect(connection.line() == "HTTP/1.1 504 Gateway Timeout")
            connection.close()
        }
        #expect(eventually("nothing that goes by") { pool.passingRows == 0 })
        fixture.victim.play(.model(.probabilities))
        #expect(try fixture.ask(body: body).status == 200)
        release()
        fixture.victim.release()
    }

    // MARK: Long bodies

    /// Something that takes long to read, and is the same.
    private static func long(_ body: [UInt8]) -> [UInt8] {
        body + [UInt8](repeating: UInt8(ascii: " "), count: ProtectedExchange.decodeInlineBytesMax)
    }

    @Test(
        "a batch too long for the loop is not read where the queue is full: refused, or passed with one line")
    func unread() throws {
        for mode in ["enforce", "observe"] {
            let fixture = try GatewayFixture.make(Plan(mode: mode))
            let release = FallbackTests.saturate(fixture)
            defer { release() }
            let picture = try fixture.model.picture(99..<100)
            let body = fixture.body(Array(repeating: picture, count: 300))
            #expect(body.count > ProtectedExchange.decodeInlineBytesMax)
            // What nobody could read is no different.
            for sent in [body, Array(body.dropLast())] {
                let answer = try fixture.ask(body: sent)
                guard mode == "enforce" else {
                    #expect(answer.status == 200 && fixture.victim.seen.last?.body == sent)
                    continue
                }
                #expect(answer.status == 503 && answer.fields.value("retry-after") == "1")
                #expect(try answer.problemKind() == "overloaded")
                #expect(fixture.victim.seen.isEmpty)
            }
            #expect(fixture.gateway.counters.overloaded.load(ordering: .relaxed) == 2)
            release()
            let lines = try fixture.lines("decisions")
            #expect(lines.count == 2)
            for line in lines {
                #expect(line["verdict"] as? String == (mode == "enforce" ? "reject" : "unscored"))
                #expect(line["reason"] as? String == "the scoring queue is full, and the body was not read")
                #expect(line["row"] is NSNull && line["digest"] is NSNull)
            }
        }
    }

    @Test(
        "a single picture in a long body fares like one in a short one, but waits to be read",
        arguments: [true, false])
    func single(isWhole: Bool) throws {
        let fixture = try GatewayFixture.make()
        let pool = fixture.gateway.services.scoring
        let release = FallbackTests.saturate(fixture)
        defer { release() }
        let whole = fixture.body([try fixture.model.picture(5..<45)])
        let body = Self.long(isWhole ? whole : whole.dropLast())
        let endpoint = try Endpoint(parsing: fixture.gateway.addresses[0])
        let first = Background {
            try HTTPClient(endpoint, timeout: .seconds(60)).send(.post, "/v1/models/m:predict", body: body)
        }
        #expect(eventually("one beyond the bound") { pool.queuedRows == pool.queueRowsMax + 1 })
        // No more than one of a client is.
        #expect(try fixture.ask(body: body).status == 429)
        #expect(pool.queuedRows == pool.queueRowsMax + 1)
        release()
        #expect(try first.value().status == (isWhole ? 200 : 400))
    }

    @Test(
        "a proof is judged before a long body is read for it: a good one is not refused for want of room, a bad one costs nothing"
    )
    func proof() throws {
        let (fixture, picture) = try ProofTests.make()
        let pool = fixture.gateway.services.scoring
        let body = Self.long(fixture.body([picture]))
        let proof = try ProofTests.solve(try fixture.ask(body: body).challenge())
        let release = FallbackTests.saturate(fixture)
        defer { release() }
        let client = ScoringClient(account: nil, address: "127.0.0.1", by: .client)
        let crowd = try #require(pool.letBy(client))
        #expect(try fixture.ask(body: body).status == 429)
        for bad in [
            "x:1", "", ProofTests.flip(proof.token) + ":1", proof.token + ":" + ProofTests.loser(proof.token),
        ] {
            let refused = try fixture.ask(body: body, fields: [ProofField.name: bad])
            #expect(try refused.status == 403 && refused.problemKind() == "proof-refused")
            #expect(pool.queuedRows == pool.queueRowsMax)
        }
        let endpoint = try Endpoint(parsing: fixture.gateway.addresses[0])
        let answer = Background {
            try HTTPClient(endpoint, timeout: .seconds(60)).send(
                .post, "/v1/models/m:predict", fields: HeaderList([ProofField.name: proof.value]), body: body)
        }
        #expect(eventually("one beyond the bound") { pool.queuedRows == pool.queueRowsMax + 1 })
        release()
        #expect(try answer.value().status == 200)
        crowd.end()
        #expect(try fixture.verdicts().last == "released")
    }

    @Test("by its commas a body is told to hold as many rows as it does, in every form", arguments: 1...5)
    func rows(count: Int) throws {
        let shape = ImageShape(channels: 3, height: 4, width: 5)
        for layout in [PixelLayout.hwc, .chw] {
            let format = QueryFormat(layout: layout, range: ValueRange(low: -1, high: 1), shape: shape)
            var generator = RandomGenerator(seed: UInt64(count))
            let values = (0..<count * shape.count).map { _ in generator.uniform(-1..<1) }
            for form in [QueryEncoder.Form.rows, .columns] {
                let body = QueryEncoder(format).body(QueryBatch(shape: shape, values: values), form: form)
                #expect(BodyRows.most(in: body, format, upTo: 1_024) == count)
                #expect(BodyRows.most(in: Self.long(body), format, upTo: 2) == min(2, count))
            }
            let commas = [UInt8](repeating: UInt8(ascii: ","), count: 100_000)
            #expect(BodyRows.most(in: commas, format, upTo: format.rowsMax) == format.rowsMax)
            #expect(BodyRows.most(in: [], format, upTo: 2) == 1)
        }
    }
}
