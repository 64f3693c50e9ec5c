import Client
import Foundation
import HTTPWire

/// Sends requests no faster than is wanted, and waits where the gateway says for how long.
final class Pacer {
    private let manner: HTTPOracle.Manner
    private let client: HTTPClient
    private var next = ContinuousClock.now

    /// At most so many times is one request sent again after a `Retry-After`.
    private static let waitsMax = 5

    init(_ manner: HTTPOracle.Manner, client: HTTPClient) {
        self.manner = manner
        self.client = client
    }

    /// The answer, the last one where the client was told to wait.
    func send(
        _ target: String, _ fields: HeaderList, _ body: [UInt8]
    ) throws(ClientError) -> (status: Int, body: [UInt8]) {
        for _ in 0..<Self.waitsMax {
            let response = try sendOnce(target, fields, body)
            guard response.status == 429 || response.status == 503, let wait = Self.wait(response),
                wait <= manner.waitMax
            else { return (response.status, response.body) }
            Thread.sleep(forTimeInterval: wait / .seconds(1))
        }
        let response = try sendOnce(target, fields, body)
        return (response.status, response.body)
    }

    private func sendOnce(
        _ target: String, _ fields: HeaderList, _ body: [UInt8]
    ) throws(ClientError) -> ClientResponse {
        if let rate = manner.requestsPerSecond, rate > 0 {
            let now = ContinuousClock.now
            if next > now { Thread.sleep(forTimeInterval: (next - now) / .seconds(1)) }
            next = max(next, now) + .seconds(1 / rate)
        }
        return try client.send(.post, target, fields: fields, body: body, repeatable: true)
    }

    /// The delay in seconds that a `Retry-After` names; nil for none, or for a date.
    private static func wait(_ response: ClientResponse) -> Duration? {
        guard let text = response.fields.value("retry-after"), let seconds = Int(text), seconds >= 0 else {
            return nil
        }
        return .seconds(seconds)
    }
}
