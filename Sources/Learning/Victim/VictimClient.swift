import Client
import Foundation
import Query
import SAME
import Tensor

/// Asks a black-box prediction endpoint about images, in batches, several at a time, patiently.
package struct VictimClient: Sendable {
    /// How hard to ask.
    package struct Manner: Hashable, Sendable {
        /// Images in one request.
        package var batch = 64
        /// Requests under way at once.
        package var concurrency = 4
        /// Attempts at one request before giving up; only failures that may pass are tried again.
        package var attemptsMax = 6
        /// The wait before the second attempt; doubled for each further one, up to 30 s.
        package var pause = Duration.milliseconds(250)
        /// The longest wait that an endpoint's `Retry-After` is heeded for; where it asks for more, so long is waited.
        package var retryAfterMax = Duration.seconds(600)
        /// How long one attempt may take.
        package var timeout = Duration.seconds(60)
        /// How long requests under way may still be answered once someone asks to stop.
        package var grace = Duration.seconds(5)
        /// The largest answer that is read.
        package var answerBytesMax = 64 << 20

        /// The defaults: gentle enough for a production endpoint.
        package init() {}
    }

    /// What came back for one body.
    package struct Response: Sendable {
        package let status: Int
        package let body: [UInt8]
        /// The field's value.
        package let retryAfter: String?

        /// An answer as given.
        package init(status: Int, body: [UInt8], retryAfter: String? = nil) {
            self.status = status
            self.body = body
            self.retryAfter = retryAfter
        }
    }

    /// One body posted to the endpoint, and what came back: how tests stand in for the network.
    package typealias Exchange = @Sendable (_ body: [UInt8]) async throws -> Response

    /// The endpoint's name in messages and journals.
    package let name: String
    /// How it is asked and its answers are read, as far as an answer depends on it.
    package let conventions: String
    private let encoder: QueryEncoder
    private let reader: AnswerReader
    private let logitsDoubt: LogitsDoubt
    private let manner: Manner
    private let exchange: Exchange
    private let notices: VictimNotices
    private let sleep: @Sendable (Duration) async throws -> Void

    /// A client of the endpoint at `url`, which is asked and answers as the formats say. `say` is given a line where the user
    /// would wonder.
    package init(
        url text: String, query: QueryFormat, answer: AnswerFormat, manner: Manner = Manner(),
        exchange: Exchange? = nil, say: @escaping @Sendable (String) -> Void = { _ in },
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) throws(VictimError) {
        let connections = try VictimConnections(
            text, timeout: manner.timeout, answerBytesMax: manner.answerBytesMax)
        name = text
        conventions =
            "\(query.layout) pixels from \(query.range.low) to \(query.range.high) as \(query.inputName ?? "instances"), "
            + "\(answer.kind) of \(answer.classes ?? 0) classes from \(answer.outputName ?? "predictions")"
            + (query.wireProtocol == .tensorFlowServing
                ? "" : ", \(query.wireProtocol.rawValue) \(query.datatype?.rawValue ?? "")")
        self.manner = manner
        encoder = QueryEncoder(query)
        reader = AnswerReader(answer)
        logitsDoubt = LogitsDoubt(answer)
        self.exchange = exchange ?? { try await connections.post($0) }
        notices = VictimNotices(say)
        self.sleep = sleep
    }

    /// Asks about every image the journal has no answer for, and returns all answers in the images' order.
    ///
    /// Once a request has failed for good, or someone raises `stop`, nothing more is asked. What is under way may still be
    /// answered: until its time is up, or, where someone wants to stop, for ``Manner/grace``. Every answer that comes is in the
    /// journal when this throws.
    package func ask(
        _ images: ImageSet, journal: inout AnswerJournal, stop: StopFlag, show: (TrainingProgress) -> Void
    ) async throws -> AnswerSet {
        let missing = (0..<images.count).filter { journal.answers[$0] == nil }
        var batches = stride(from: 0, to: missing.count, by: manner.batch).map { start in
            Array(missing[start..<min(start + manner.batch, missing.count)])
        }[...]
        let start = ContinuousClock.now
        let closing = StopFlag()
        var underWay = 0
        var failure: (any Error)?
        await withTaskGroup(of: Event.self) { group in
            func launch() {
                guard !stop.isRaised, !closing.isRaised, let rows = batches.popFirst() else { return }
                let batch = canonical(images, rows)
                underWay += 1
                group.addTask { await event(rows, batch, closing) }
            }
            func fail(_ error: any Error) {
                failure = failure ?? error
                guard !closing.isRaised else { return }
                closing.raise()
                // Most often the others fail with it, and the error that is thrown says all.
                if underWay > 0 {
                    group.addTask {
                        try? await sleep(.seconds(1))
                        return .waitsStill(after: error)
                    }
                }
            }
            group.addTask {
                await stop.wait()
                return .stopped
            }
            for _ in 0..<manner.concurrency { launch() }
            while underWay > 0, let event = await group.next() {
                switch event {
                case .answered(let rows, let answers):
                    underWay -= 1
                    do { try keep(rows, answers, in: &journal) } catch { fail(error) }
                    show(progress(journal.answers.count, images.count, missing.count, since: start))
                case .failed(let error):
                    underWay -= 1
                    // What fails after the end was called is a consequence of it.
                    if !closing.isRaised { fail(error) }
                case .stopped:
                    closing.raise()
                    notices.say(waiting(for: underWay, manner.grace) + "; Ctrl-C again ends at once")
                    group.addTask {
                        try? await sleep(manner.grace)
                        return .graceIsOver
                    }
                case .graceIsOver: group.cancelAll()
                case .waitsStill(let error):
                    notices.say("\(error); \(waiting(for: underWay, manner.timeout))")
                }
                launch()
            }
            group.cancelAll()
        }
        if let failure { throw failure }
        guard journal.answers.count == images.count else {
            throw VictimError.stopped(answered: journal.answers.count, of: images.count)
        }
        if let warning = logitsDoubt.warning { notices.say(warning) }
        return collected(journal, images)
    }

    private func waiting(for count: Int, _ time: Duration) -> String {
        "nothing more is asked; \(count) request\(count == 1 ? "" : "s") under way may be answered for "
            + "\(time.components.seconds) s"
    }

    private enum Event {
        case answered([Int], [[Float]])
        case failed(any Error)
        case stopped
        case graceIsOver
        /// For answers to other requests, a while after one failed.
        case waitsStill(after: any Error)
    }

    private func event(_ rows: [Int], _ batch: QueryBatch, _ closing: StopFlag) async -> Event {
        do {
            return .answered(rows, try await answers(to: batch, closing: closing))
        } catch {
            return .failed(error)
        }
    }

    private static let settings = AnswerError.Settings(output: "--victim-output", kind: "--victim-answer")

    /// The answers to one batch, one row of probabilities an image. Once `closing` is raised, what fails is not tried again.
    package func answers(to batch: QueryBatch, closing: StopFlag = StopFlag()) async throws -> [[Float]] {
        let body = try await patiently(encoder.body(batch), closing)
        do throws(AnswerError) {
            let answer = try reader.read(body, rows: batch.rows)
            logitsDoubt.hear(body, rows: batch.rows)
            return try answer.distributions(classes: reader.format.classes ?? 0)
        } catch {
            throw VictimError.unreadable(
                url: name, reason: error.description(naming: Self.settings), excerpt: Self.excerpt(body))
        }
    }

    // MARK: Attempts

    private func patiently(_ request: [UInt8], _ closing: StopFlag) async throws -> [UInt8] {
        var pause = manner.pause
        var attempt = 1
        while true {
            let failure: VictimError
            let asked: Duration?
            switch try await outcome(of: request, attempt) {
            case .answered(let body): return body
            case .failed(let error): throw error
            case .mayPass(let error, let wait):
                failure = error
                asked = wait
            }
            guard attempt < manner.attemptsMax, !closing.isRaised else { throw failure }
            attempt += 1
            let wait = heeding(asked, failure, attempt, atLeast: pause)
            guard try await rest(wait, unless: closing) else { throw failure }
            pause = min(pause * 2, .seconds(30))
        }
    }

    /// Sleeps; false where `closing` is raised before.
    private func rest(_ wait: Duration, unless closing: StopFlag) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await sleep(wait)
                return true
            }
            group.addTask {
                await closing.wait()
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }

    /// How long to wait before an attempt, which is said where the endpoint asked for a wait.
    private func heeding(
        _ asked: Duration?, _ failure: VictimError, _ attempt: Int, atLeast pause: Duration
    ) -> Duration {
        guard let asked, asked > pause, case .refused(_, let status, _, _) = failure else { return pause }
        let wait = max(pause, min(asked, manner.retryAfterMax))
        let bound = asked > wait ? " (it asks for \(asked.components.seconds) s; no longer is waited)" : ""
        notices.say(
            "\(name) answers with status \(status): asking again in \(wait.components.seconds) s\(bound), "
                + "attempt \(attempt) of \(manner.attemptsMax)", holding: wait)
        return wait
    }

    private enum Outcome {
        case answered([UInt8])
        case failed(VictimError)
        /// With the wait that the endpoint asks for.
        case mayPass(VictimError, after: Duration?)
    }

    private func outcome(of request: [UInt8], _ attempt: Int) async throws -> Outcome {
        let response: Response
        do {
            response = try await exchange(request)
        } catch {
            try Task.checkCancellation()
            switch error as? ClientError {
            // The same bytes would be as wrong, and the same answer as large, each time.
            case .badRequest, .malformedAnswer(.bodyTooLarge):
                return .failed(failure(error, attempt))
            default: return .mayPass(failure(error, attempt), after: nil)
            }
        }
        let status = response.status
        if status == 200 { return .answered(response.body) }
        let failure = VictimError.refused(
            url: name, status: status, excerpt: Self.excerpt(response.body), attempts: attempt)
        // A request that the endpoint calls wrong stays wrong; only overload and outages pass.
        guard status == 408 || status == 429 || status >= 500 else { return .failed(failure) }
        let asked = status == 429 || status == 503 ? response.retryAfter : nil
        return .mayPass(failure, after: asked.flatMap { RetryAfter.delay($0, now: Date()) })
    }

    private func failure(_ error: any Error, _ attempt: Int) -> VictimError {
        if case .malformedAnswer(.bodyTooLarge)? = error as? ClientError {
            return .answerTooLarge(url: name, bytesMax: manner.answerBytesMax)
        }
        return .unreachable(url: name, attempts: attempt, reason: "\(error)")
    }

    /// The first 200 bytes of a body, fit for a message.
    private static func excerpt(_ body: [UInt8]) -> String {
        let text = String(decoding: body.prefix(200), as: UTF8.self)
        let printable = text.unicodeScalars.map { $0.value < 32 ? " " : String($0) }.joined()
        return printable.isEmpty ? "(nothing)" : printable
    }

    // MARK: Rows

    private func canonical(_ images: ImageSet, _ rows: [Int]) -> QueryBatch {
        QueryBatch(shape: images.shape, values: images.canonical(rows, range: .signed).values)
    }

    private func keep(
        _ rows: [Int], _ answers: [[Float]], in journal: inout AnswerJournal
    ) throws(VictimError) {
        if let before = journal.answers.first?.value.count, let found = answers.first?.count, before != found
        {
            throw .classesDiffer(url: name, found: found, before: before)
        }
        do throws(FileError) {
            try journal.append(rows: rows, answers: answers)
        } catch {
            throw .journal(error)
        }
    }

    private func progress(
        _ answered: Int, _ count: Int, _ missing: Int, since start: ContinuousClock.Instant
    ) -> TrainingProgress {
        let elapsed = max((ContinuousClock.now - start) / .seconds(1), 1e-6)
        let rate = Double(answered - (count - missing)) / elapsed
        return TrainingProgress(
            phase: "victim's answers", done: answered, total: count, rate: rate,
            remaining: .seconds(Double(count - answered) / max(rate, 1e-6)))
    }

    private func collected(_ journal: AnswerJournal, _ images: ImageSet) -> AnswerSet {
        let rows = (0..<images.count).map { journal.answers[$0] ?? [] }
        let classes = rows.first?.count ?? 0
        let tensor = Tensor(shape: [images.count, classes], values: rows.flatMap { $0 })
        return AnswerSet(probabilities: tensor, imagesDigest: images.digest)
    }
}
