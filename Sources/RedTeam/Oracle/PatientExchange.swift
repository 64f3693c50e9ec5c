import Client
import Learning

/// Sends queries until a response comes: a connection that is lost is tried again after a pause, a service that is busy is asked
/// again, when it wants to be.
///
/// **Runs on** the caller's thread, which waits for every response and pause.
final class PatientExchange {
    /// Every response by status, those that were asked again too.
    private(set) var statuses: [Int: Int] = [:]
    private let name: String
    private let manner: HTTPOracle.Manner
    private let exchange: HTTPOracle.Exchange
    private let stop: StopFlag
    private let sleep: (Duration) -> Void

    /// No pause between two attempts is longer.
    private static let pauseMax = Duration.seconds(8)
    /// At most so many times is one query sent again because a `Retry-After` says so.
    private static let waitsMax = 5
    /// A busy service's `Retry-After` up to this long is waited for once, however short the client's own patience.
    private static let shortWaitMax = Duration.seconds(5)

    /// What became of one query so far.
    private struct Course {
        var failures = 0
        var repetitions = 0
        var waits = 0
    }

    /// Exchanges with what is called `name` in messages; `sleep` is how it pauses.
    init(
        _ name: String, _ manner: HTTPOracle.Manner, stop: StopFlag, sleep: @escaping (Duration) -> Void,
        exchange: @escaping HTTPOracle.Exchange
    ) {
        self.name = name
        self.manner = manner
        self.stop = stop
        self.sleep = sleep
        self.exchange = exchange
    }

    /// The response to one query. **Throws** where it cannot be sent, nothing responds any more, or someone asked to stop.
    func send(_ body: [UInt8], proof: String?) throws(OracleError) -> HTTPOracle.Response {
        var course = Course()
        var pause = manner.pause
        while true {
            guard !stop.isRaised else { throw .stopped }
            do throws(ClientError) {
                let response = try exchange(body, proof)
                statuses[response.status, default: 0] += 1
                guard let wait = wait(after: response, &course) else { return response }
                sleep(wait)
            } catch {
                if case .badRequest(let reason) = error { throw .cannotSend(reason) }
                // What was given up for a stop is no failure.
                guard !stop.isRaised else { throw .stopped }
                course.failures += 1
                guard course.failures < manner.attemptsMax else {
                    throw .silent(victim: name, attempts: course.failures, reason: "\(error)")
                }
                sleep(pause)
                pause = min(pause * 2, Self.pauseMax)
            }
        }
    }

    /// Whether the service had no room or time for a query, which a repetition may mend; 429 says so where others of the same client
    /// were waiting.
    static func isBusy(_ response: HTTPOracle.Response) -> Bool {
        guard response.status == 429 else { return response.status == 503 }
        return ProblemSummary(response.body)?.type == "urn:samegate:problem:crowding"
    }

    /// After what time the query is sent again; nil where the response is the last one.
    private func wait(after response: HTTPOracle.Response, _ course: inout Course) -> Duration? {
        let told = response.retryAfter
        if response.status == 429 || response.status == 503, let told, told <= manner.waitMax,
            course.waits < Self.waitsMax
        {
            course.waits += 1
            return told
        }
        // 408: the server has not seen the whole request in time (RFC 9110 §15.5.9), and closes the connection.
        let isLate = response.status == 408
        guard isLate || Self.isBusy(response), course.repetitions < manner.retries else { return nil }
        course.repetitions += 1
        guard isLate || told != nil else { return .zero }
        let wait = told ?? .zero
        return course.repetitions == 1 && course.waits == 0 && wait <= Self.shortWaitMax ? wait : nil
    }
}
