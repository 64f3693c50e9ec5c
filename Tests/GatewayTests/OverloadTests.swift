import Client
import Dispatch
import HTTPWire
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
}
