import Client
import Foundation
import HTTPWire
import Learning

/// Sends requests no faster than is wanted, and none any more once someone asked to stop.
final class Pacer {
    private let manner: HTTPOracle.Manner
    private let client: HTTPClient
    private let stop: StopFlag
    private let relay: StopRelay
    private var next = ContinuousClock.now

    init(_ manner: HTTPOracle.Manner, client: HTTPClient, stop: StopFlag) {
        self.manner = manner
        self.client = client
        self.stop = stop
        relay = StopRelay(stop, client.interruption)
    }

    /// The response to one request, which waits for its turn. **Throws** `ClientError.interrupted` after a stop.
    func send(
        _ target: String, _ fields: HeaderList, _ body: [UInt8]
    ) throws(ClientError) -> HTTPOracle.Response {
        if let rate = manner.requestsPerSecond, rate > 0 {
            let now = ContinuousClock.now
            if next > now { stop.wait(next - now) }
            guard !stop.isRaised else { throw .interrupted }
            next = max(next, now) + .seconds(1 / rate)
        }
        let response = try client.send(.post, target, fields: fields, body: body, repeatable: true)
        let asked = response.fields.value("retry-after")
        return HTTPOracle.Response(
            response.status, response.body,
            retryAfter: asked.flatMap { RetryAfter.delay($0, now: Date()) })
    }
}
