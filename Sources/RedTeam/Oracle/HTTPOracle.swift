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
        /// Further attempts where there was no whole answer, or 503.
        package var retries = 2
        /// Fields of every request, such as a client's key.
        package var fields: [String: String] = [:]
        /// The most requests a second; nil for as many as come back.
        package var requestsPerSecond: Double?
        /// How long a `Retry-After` (RFC 9110 §10.2.3) may be for the client to wait and ask again; longer ones are refusals.
        package var waitMax = Duration.zero

        /// The defaults.
        package init() {}
    }

    /// Sends one body, with a proof-of-work where there is one: how tests stand in for the network.
    package typealias Exchange = (_ body: [UInt8], _ proof: String?) throws(ClientError) -> (
        status: Int, body: [UInt8]
    )

    /// The pictures it takes.
    package let image: ImageShape
    /// The number of classes of its answers.
    package let classes: Int
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
    /// Every response by status, those that were asked again too.
    package private(set) var statuses: [Int: Int] = [:]
    private let encoder: QueryEncoder
    private let reader: AnswerReader
    private let manner: Manner
    private let exchange: Exchange

    /// A victim that is asked through `exchange`, in the given formats.
    package init(
        query: QueryFormat, answer: AnswerFormat, classes: Int, manner: Manner = Manner(),
        exchange: @escaping Exchange
    ) {
        image = query.shape
        self.classes = classes
        encoder = QueryEncoder(query)
        reader = AnswerReader(answer)
        self.manner = manner
        self.exchange = exchange
    }

    /// A victim at `url`, of http or https.
    package convenience init(
        url text: String, query: QueryFormat, answer: AnswerFormat, classes: Int, manner: Manner = Manner()
    ) throws(OracleError) {
        let url: VictimURL
        do throws(VictimError) {
            url = try VictimURL(text)
        } catch {
            throw error == .badURL(text) ? .badURL(text) : .cannotSend("\(error)")
        }
        let pacer = Pacer(manner, client: url.client())
        self.init(query: query, answer: answer, classes: classes, manner: manner) {
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
        for start in stride(from: 0, to: queries.rows, by: max(1, manner.rowsPerRequest)) {
            let rows = queries.rows(start..<min(start + max(1, manner.rowsPerRequest), queries.rows))
            replies += try ask(QueryBatch(shape: image, values: rows.values))
        }
        return replies
    }

    private func ask(_ batch: QueryBatch) throws(OracleError) -> [OracleReply] {
        queryCount += batch.rows
        let body = encoder.body(batch)
        var (status, answer) = try send(body, proof: nil)
        if status == 428 { askedHashes += Self.hashes(of: answer) }
        if status == 428, manner.proofThreads > 0, let proof = solve(answer) {
            (status, answer) = try send(body, proof: proof)
        }
        switch status {
        case 200: return try read(answer, rows: batch.rows)
        case 403: return refusal(.rejected, batch.rows)
        case 428: return refusal(.challenged, batch.rows)
        case 429 where Self.isBusy(status, answer): return refusal(.unavailable, batch.rows)
        case 429: return refusal(.limited, batch.rows)
        case 500...599: return refusal(.unavailable, batch.rows)
        default:
            throw .unexpectedStatus(status, excerpt: String(decoding: answer.prefix(200), as: UTF8.self))
        }
    }

    private func refusal(_ reason: OracleRefusal, _ rows: Int) -> [OracleReply] {
        [OracleReply](repeating: .refused(reason), count: rows)
    }

    private func read(_ body: [UInt8], rows: Int) throws(OracleError) -> [OracleReply] {
        let answers: [[Float]]
        do throws(AnswerError) {
            answers = try reader.read(body, rows: rows).distributions(classes: classes)
        } catch {
            throw .unreadableAnswer("\(error)")
        }
        if let row = answers.first, row.count != classes {
            throw .unreadableAnswer("it has \(row.count) classes, not \(classes)")
        }
        return answers.map { .answered($0) }
    }

    /// One exchange, tried again where nothing came of it. What cannot be sent at all is an error.
    private func send(_ body: [UInt8], proof: String?) throws(OracleError) -> (status: Int, body: [UInt8]) {
        for attempt in 0...max(0, manner.retries) {
            do throws(ClientError) {
                let response = try exchange(body, proof)
                statuses[response.status, default: 0] += 1
                guard Self.isBusy(response.status, response.body), attempt < manner.retries else {
                    return response
                }
            } catch {
                if case .badRequest(let reason) = error { throw .cannotSend(reason) }
            }
        }
        return (503, [])
    }

    /// Whether the service had no room or time for a query, which a repetition may mend; 429 says so where others of the same client
    /// were waiting.
    private static func isBusy(_ status: Int, _ body: [UInt8]) -> Bool {
        struct Problem: Decodable { let type: String }
        guard status == 429 else { return status == 503 }
        return (try? JSONDecoder().decode(Problem.self, from: Data(body)))?.type
            == "urn:samegate:problem:crowding"
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
    private func solve(_ body: [UInt8]) -> String? {
        guard let token = try? JSONDecoder().decode(ChallengeDocument.self, from: Data(body)).challenge else {
            return nil
        }
        let begun = ContinuousClock.now
        defer { proofTime += ContinuousClock.now - begun }
        guard
            let solution = try? ProofSolver.solve(
                token: token, threads: manner.proofThreads, hashesMax: manner.hashesMax)
        else { return nil }
        proofCount += 1
        proofHashes += Self.hashes(of: body)
        return "\(token):\(solution.text)"
    }
}
