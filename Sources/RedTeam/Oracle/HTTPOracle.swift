import Client
import Foundation
import HTTPWire
import Learning
import Policy
import Query
import Tensor
import Transport

/// A victim behind an HTTP endpoint, perhaps with a gateway before it.
///
/// **Runs on** the caller's thread, which waits for every answer.
package final class HTTPOracle: VictimOracle {
    /// How it asks.
    package struct Manner: Hashable, Sendable {
        /// Pictures in one request. A gateway's verdict on a batch falls on all its pictures, so one is the
        /// clearest.
        package var rowsPerRequest = 1
        /// Threads that solve proofs-of-work; 0 leaves challenges unpaid.
        package var proofThreads = 0
        /// Where a proof is given up, in hashes.
        package var hashesMax: UInt64 = 1 << 34
        /// Further attempts where the service was busy; one alone, a little later, where it says when (`Retry-After`).
        package var retries = 2
        /// Attempts at a response of any kind, before the victim counts as gone.
        package var attemptsMax = 6
        /// The pause after the first attempt that got none; doubled after each further one.
        package var pause = Duration.milliseconds(250)
        /// Fields of every request, such as a client's key.
        package var fields: [String: String] = [:]
        /// The most requests a second; nil for as many as come back.
        package var requestsPerSecond: Double?
        /// How long a `Retry-After` (RFC 9110 §10.2.3) may be for the client to wait and ask again; longer ones are refusals.
        package var waitMax = Duration.zero

        /// The defaults.
        package init() {}

        /// What tells such a client from others as far as what it gets depends on it. Of its fields the names alone: a key that
        /// is replaced by another makes no other client, and no file tells it.
        package var identity: String {
            let names = fields.keys.map { $0.lowercased() }.sorted().joined(separator: " ")
            return
                "pays \(proofThreads > 0), \(rowsPerRequest) rows, rate \(requestsPerSecond ?? 0), wait \(waitMax / .seconds(1)) s, fields \(names)"
        }
    }

    /// Sends one body, with a proof-of-work where there is one: how tests stand in for the network.
    package typealias Exchange = (_ body: [UInt8], _ proof: String?) throws(ClientError) -> Response

    /// What came back for one body.
    package struct Response {
        package var status: Int
        package var body: [UInt8]
        /// After what time it wants to be asked again (`Retry-After`, RFC 9110 §10.2.3).
        package var retryAfter: Duration?

        /// A response as given.
        package init(_ status: Int, _ body: [UInt8], retryAfter: Duration? = nil) {
            self.status = status
            self.body = body
            self.retryAfter = retryAfter
        }
    }

    /// The pictures it takes.
    package let image: ImageShape
    /// The number of classes of its answers.
    package let classes: Int
    /// The rows of one request.
    package var rowsTogether: Int { max(1, manner.rowsPerRequest) }
    /// How many pictures it has been asked about.
    package private(set) var queryCount = 0
    /// Time spent on proofs-of-work.
    package private(set) var proofTime = Duration.zero
    /// Proofs-of-work solved.
    package private(set) var proofCount = 0
    /// The hashes that the solved ones were expected to take, in all.
    package private(set) var proofHashes = 0.0
    /// The hashes that all challenges asked for, solved or not.
    package private(set) var askedHashes = 0.0
    private let encoder: QueryEncoder
    private let reader: AnswerReader
    private let manner: Manner
    private let stop: StopFlag
    private let patient: PatientExchange
    private var tally = RefusalTally()

    /// A victim, called `name` in messages, that is asked through `exchange` in the given formats until `stop` is raised; `sleep`
    /// stands in for its pauses in tests.
    package init(
        name: String = "the victim", query: QueryFormat, answer: AnswerFormat, classes: Int,
        manner: Manner = Manner(), stop: StopFlag = StopFlag(), sleep: ((Duration) -> Void)? = nil,
        exchange: @escaping Exchange
    ) {
        image = query.shape
        self.classes = classes
        encoder = QueryEncoder(query)
        reader = AnswerReader(answer)
        self.manner = manner
        self.stop = stop
        patient = PatientExchange(
            name, manner, stop: stop, sleep: sleep ?? { stop.wait($0) }, exchange: exchange)
    }

    /// Every response by status, those that were asked again too.
    package var statuses: [Int: Int] { patient.statuses }
    /// Queries without an answer by what was said of them: the status and, of a problem document, its title and type. Of no more
    /// than some kinds; the rest are `other`.
    package var reasons: [String: Int] { tally.counts }

    /// A victim at `url`, of http or https, that is asked until `stop` is raised.
    package convenience init(
        url text: String, query: QueryFormat, answer: AnswerFormat, classes: Int, manner: Manner = Manner(),
        stop: StopFlag = StopFlag()
    ) throws(OracleError) {
        let url: VictimURL
        do throws(VictimError) {
            url = try VictimURL(text)
        } catch {
            throw error == .badURL(text) ? .badURL(text) : .cannotSend("\(error)")
        }
        let pacer = Pacer(manner, client: url.client(), stop: stop)
        self.init(name: text, query: query, answer: answer, classes: classes, manner: manner, stop: stop) {
            (body, proof) throws(ClientError) in
            var fields = HeaderList()
            do {
                try fields.add("Content-Type", "application/json")
                for (name, value) in manner.fields.sorted(by: { $0.key < $1.key }) {
                    try fields.add(name, value)
                }
                if let proof { try fields.add("Samegate-Proof", proof) }
            } catch {
                throw .badRequest("\(error)")
            }
            return try pacer.send(url.target, fields, body)
        }
    }

    /// Asks about a batch; see ``VictimOracle``.
    package func ask(_ queries: Tensor) throws(OracleError) -> [OracleReply] {
        var replies: [OracleReply] = []
        for start in stride(from: 0, to: queries.rows, by: rowsTogether) {
            let rows = queries.rows(start..<min(start + rowsTogether, queries.rows))
            replies += try ask(QueryBatch(shape: image, values: rows.values))
        }
        return replies
    }

    private func ask(_ batch: QueryBatch) throws(OracleError) -> [OracleReply] {
        queryCount += batch.rows
        let body = encoder.body(batch)
        var response = try patient.send(body, proof: nil)
        if response.status == 428 { askedHashes += Self.hashes(of: response.body) }
        if response.status == 428, manner.proofThreads > 0, let proof = try solve(response.body) {
            response = try patient.send(body, proof: proof)
        }
        if response.status == 200 { return try read(response.body, rows: batch.rows) }
        guard let reason = Self.refusal(response) else {
            throw .unexpectedStatus(
                response.status, excerpt: String(decoding: response.body.prefix(200), as: UTF8.self))
        }
        tally.add(response.status, response.body, rows: batch.rows)
        return [OracleReply](repeating: .refused(reason), count: batch.rows)
    }

    /// What a status says of a query that got no answer; nil where it is about something else.
    private static func refusal(_ response: Response) -> OracleRefusal? {
        switch response.status {
        case 403: .rejected
        case 428: .challenged
        case 429: PatientExchange.isBusy(response) ? .unavailable : .limited
        case 500...599: .unavailable
        default: nil
        }
    }

    private func read(_ body: [UInt8], rows: Int) throws(OracleError) -> [OracleReply] {
        let answers: [[Float]]
        do throws(AnswerError) {
            answers = try reader.read(body, rows: rows).distributions(classes: classes)
        } catch {
            throw .unreadableAnswer(error.description(naming: AnswerError.Settings(kind: "--answer")))
        }
        if let row = answers.first, row.count != classes {
            throw .unreadableAnswer("it has \(row.count) classes, not \(classes)")
        }
        return answers.map { .answered($0) }
    }

    private struct ChallengeDocument: Decodable {
        let challenge: String
    }

    /// The hashes that a 428 answer's challenge is expected to take; 0 where there is none.
    private static func hashes(of body: [UInt8]) -> Double {
        guard let document = try? JSONDecoder().decode(ChallengeDocument.self, from: Data(body)),
            let challenge = Challenge(unverifiedToken: document.challenge)
        else { return 0 }
        return challenge.target.expectedHashes
    }

    /// The proof's field value for the challenge in a 428 answer, or nil when there is none to be had.
    private func solve(_ body: [UInt8]) throws(OracleError) -> String? {
        guard let token = try? JSONDecoder().decode(ChallengeDocument.self, from: Data(body)).challenge else {
            return nil
        }
        let begun = ContinuousClock.now
        defer { proofTime += ContinuousClock.now - begun }
        let solution: Solution
        do throws(ProofSolver.Failure) {
            solution = try ProofSolver.solve(
                token: token, threads: manner.proofThreads, hashesMax: manner.hashesMax,
                isCancelled: { [stop] in stop.isRaised })
        } catch {
            guard error != .cancelled else { throw .stopped }
            return nil
        }
        proofCount += 1
        proofHashes += Self.hashes(of: body)
        return "\(token):\(solution.text)"
    }
}
