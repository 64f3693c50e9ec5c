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
}
