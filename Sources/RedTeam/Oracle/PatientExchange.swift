import Client
import Foundation

/// Sends queries until a response comes: a connection that is lost is tried again after a pause, a service that is busy is asked
/// again.
///
/// **Runs on** the caller's thread, which waits for every response and pause.
final class PatientExchange {
    /// Every response by status, those that were asked again too.
    private(set) var statuses: [Int: Int] = [:]
    private let name: String
    private let manner: HTTPOracle.Manner
    private let exchange: HTTPOracle.Exchange
    private let sleep: (Duration) -> Void

    /// No pause between two attempts is longer.
    private static let pauseMax = Duration.seconds(8)

    /// Exchanges with what is called `name` in messages; `sleep` is how it pauses.
    init(
        _ name: String, _ manner: HTTPOracle.Manner, sleep: @escaping (Duration) -> Void,
        exchange: @escaping HTTPOracle.Exchange
    ) {
        self.name = name
        self.manner = manner
        self.sleep = sleep
        self.exchange = exchange
    }

    /// The response to one query. **Throws** where it cannot be sent, or nothing responds any more.
    func send(_ body: [UInt8], proof: String?) throws(OracleError) -> (status: Int, body: [UInt8]) {
        var (failures, repetitions) = (0, 0)
        var pause = manner.pause
        while true {
            do throws(ClientError) {
                let response = try exchange(body, proof)
                statuses[response.status, default: 0] += 1
                guard Self.isBusy(response.status, response.body), repetitions < manner.retries else {
                    return response
                }
                repetitions += 1
            } catch {
                if case .badRequest(let reason) = error { throw .cannotSend(reason) }
                failures += 1
                guard failures < manner.attemptsMax else {
                    throw .silent(victim: name, attempts: failures, reason: "\(error)")
                }
                sleep(pause)
                pause = min(pause * 2, Self.pauseMax)
            }
        }
    }

    /// Whether the service had no room or time for a query, which a repetition may mend; 429 says so where others of the same client
    /// were waiting.
    static func isBusy(_ status: Int, _ body: [UInt8]) -> Bool {
        guard status == 429 else { return status == 503 }
        return ProblemSummary(body)?.type == "urn:samegate:problem:crowding"
    }
}
