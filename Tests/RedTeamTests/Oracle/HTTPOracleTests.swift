import Client
import Digest
import Foundation
import HTTPWire
import Policy
import Query
import Tensor
import Testing

@testable import RedTeam

@Suite("A victim over HTTP")
struct HTTPOracleTests {
    private static let image = ImageShape(channels: 1, height: 2, width: 2)
    private static let query = QueryFormat(layout: .hw, range: ValueRange(low: 0, high: 1), shape: image)

    /// What one exchange gets.
    private enum Scripted {
        case status(Int, String)
        case busy(Int, seconds: Int)
        case failure(ClientError)
    }

    /// The requests that were sent, and the pauses between them.
    private final class Sent {
        var bodies: [[UInt8]] = []
        var proofs: [String?] = []
        var pauses: [Duration] = []
    }

    private func oracle(
        _ script: [Scripted], sent: Sent = Sent(), rows: Int = 1, proofThreads: Int = 0, retries: Int = 2,
        answer: AnswerFormat = AnswerFormat(sumTolerance: 0.01)
    ) -> HTTPOracle {
        var manner = HTTPOracle.Manner()
        manner.rowsPerRequest = rows
        manner.proofThreads = proofThreads
        manner.retries = retries
        var rest = script[...]
        return HTTPOracle(
            name: "http://g/m", query: Self.query, answer: answer, classes: 2, manner: manner,
            sleep: { sent.pauses.append($0) }
        ) { (body, proof) throws(ClientError) in
            sent.bodies.append(body)
            sent.proofs.append(proof)
            switch rest.popFirst() {
            case .status(let status, let text): return .init(status, Array(text.utf8))
            case .busy(let status, let seconds): return .init(status, [], retryAfter: .seconds(seconds))
            case .failure(let error): throw error
            case nil: throw .closedBeforeAnswer
            }
        }
    }

    private static let good = #"{"predictions": [[0.25, 0.75]]}"#
    private static let picture = Tensor(shape: [1, 4], values: [-1, -0.5, 0, 1])

    @Test("a picture goes out in the wire's range and the answer comes back; every picture is counted")
    func asks() throws {
        let sent = Sent()
        let oracle = oracle([.status(200, Self.good), .status(200, Self.good)], sent: sent)
        let two = Tensor(shape: [2, 4], values: Self.picture.values + Self.picture.values)
        #expect(try oracle.ask(two) == [.answered([0.25, 0.75]), .answered([0.25, 0.75])])
        #expect(oracle.queryCount == 2)
        #expect(String(decoding: sent.bodies[0], as: UTF8.self) == #"{"instances":[[[0.0,0.25],[0.5,1.0]]]}"#)
    }

    @Test(
        "refusals are replies, by status",
        arguments: [
            (403, OracleRefusal.rejected), (428, .challenged), (429, .limited), (500, .unavailable),
            (504, .unavailable),
        ])
    func refusals(status: Int, reason: OracleRefusal) throws {
        #expect(try oracle([.status(status, "{}")]).ask(Self.picture) == [.refused(reason)])
    }

    @Test("a refused batch is a refusal of every picture in it")
    func refusedBatch() throws {
        let sent = Sent()
        let oracle = oracle([.status(403, "")], sent: sent, rows: 8)
        #expect(
            try oracle.ask(Tensor(shape: [3, 4])) == [OracleReply](repeating: .refused(.rejected), count: 3))
        #expect(sent.bodies.count == 1)
    }

    @Test("503 and a lost connection are tried again; a service that stays busy is unavailable")
    func retries() throws {
        let passing = oracle([.status(503, ""), .failure(.timeout), .status(200, Self.good)])
        #expect(try passing.ask(Self.picture) == [.answered([0.25, 0.75])])
        #expect(try oracle([.status(503, "")], retries: 0).ask(Self.picture) == [.refused(.unavailable)])
        #expect(throws: OracleError.self) { try oracle([.failure(.badRequest("no"))]).ask(Self.picture) }
    }

    @Test("408, and 503 that says when to come back soon, are asked again once")
    func later() throws {
        let sent = Sent()
        let good = Scripted.status(200, Self.good)
        for script in [
            [.busy(503, seconds: 1), good], [.busy(408, seconds: 2), good], [.status(408, ""), good],
        ] {
            #expect(try oracle(script, sent: sent).ask(Self.picture) == [.answered([0.25, 0.75])])
        }
        #expect(sent.pauses == [.seconds(1), .seconds(2), .zero] && sent.bodies.count == 6)
        let still = oracle([.busy(503, seconds: 1), .busy(503, seconds: 1), good], sent: sent)
        #expect(try still.ask(Self.picture) == [.refused(.unavailable)])
        #expect(still.statuses == [503: 2])
        let long = oracle([.busy(503, seconds: 600), good], sent: sent)
        #expect(try long.ask(Self.picture) == [.refused(.unavailable)])
        #expect(throws: OracleError.unexpectedStatus(408, excerpt: "")) {
            try oracle([.status(408, ""), .status(408, ""), good], sent: sent).ask(Self.picture)
        }
        #expect(sent.pauses.dropFirst(3) == [.seconds(1), .zero])
    }

    @Test("a gateway that is gone refuses nothing: after some attempts with growing pauses it is an error")
    func silent() throws {
        let sent = Sent()
        let lost = [Scripted](repeating: .failure(.connectFailed(errno: 111)), count: 5)
        let back = oracle(lost + [.status(200, Self.good)], sent: sent)
        #expect(try back.ask(Self.picture) == [.answered([0.25, 0.75])])
        #expect(sent.pauses == [250, 500, 1000, 2000, 4000].map { .milliseconds($0) })
        let gone = oracle([.status(200, Self.good)] + lost + lost, sent: sent)
        _ = try gone.ask(Self.picture)
        let error = #expect(throws: OracleError.self) { try gone.ask(Self.picture) }
        #expect(
            error?.description.hasPrefix("the gateway at http://g/m no longer answers: no connection") == true
        )
        #expect(error?.description.contains("--resume") == true)
        #expect(gone.statuses == [200: 1] && gone.reasons.isEmpty)
    }

    @Test("refused queries are counted by status and problem document, of no more than some kinds")
    func reasons() throws {
        let problem = #"{"type": "urn:samegate:problem:rejected", "title": "Query\nrefused", "detail": "x"}"#
        let oracle = oracle(
            [.status(403, problem), .status(403, problem), .status(502, "<html>"), .status(500, "{}")],
            retries: 0)
        _ = try oracle.ask(Tensor(shape: [4, 4]))
        #expect(
            oracle.reasons == [
                "403 Query refused (urn:samegate:problem:rejected)": 2, "502": 1, "500": 1,
            ])
        var tally = RefusalTally()
        for number in 0..<100 {
            tally.add(
                403, Array(#"{"title": "\#(number) \#(String(repeating: "x", count: 999))"}"#.utf8), rows: 2)
        }
        #expect(tally.counts.count == RefusalTally.kindsMax + 1)
        #expect(tally.counts[RefusalTally.other] == 2 * (100 - RefusalTally.kindsMax))
        #expect(tally.counts.keys.allSatisfy { $0.count < 100 })
    }

    /// Work of about 50 hashes, checked by the authority that issued it.
    @Test(
        "a challenge is paid where that is wanted, with a proof that its issuer accepts, and its time counted"
    )
    func pays() throws {
        let authority = ChallengeAuthority(secret: HMACKey([1, 2, 3]), epoch: 7)
        let binding = ChallengeBinding(client: "c", route: "r", query: SHA256.digest(of: "q"))
        let issued = try authority.issue(
            WorkDemand(expectedHashes: 50), for: binding, now: .seconds(10), lifetime: .seconds(60))
        let document = #"{"status":428,"challenge":"\#(issued.token)"}"#
        let sent = Sent()
        let payer = oracle([.status(428, document), .status(200, Self.good)], sent: sent, proofThreads: 1)
        #expect(try payer.ask(Self.picture) == [.answered([0.25, 0.75])])
        #expect(payer.proofCount == 1 && payer.proofTime > .zero)
        let parts = try #require(sent.proofs[1]).split(separator: ":")
        let solution = try #require(Solution(text: parts[1]))
        let verdict = authority.verify(
            token: String(parts[0]), solution: solution, expected: binding, now: .seconds(11))
        #expect(throws: Never.self) { try verdict.get() }
        #expect(sent.bodies[0] == sent.bodies[1])
        let miser = oracle([.status(428, document)])
        #expect(try miser.ask(Self.picture) == [.refused(.challenged)])
        #expect(
            try oracle([.status(428, "nonsense")], proofThreads: 1).ask(Self.picture) == [
                .refused(.challenged)
            ])
    }

    @Test(
        "an answer that cannot be read, or of other classes, or an odd status ends the attack with the reason"
    )
    func unusable() throws {
        for text in [
            "", "{}", #"{"predictions": [[0.2, 0.3, 0.5]]}"#, #"{"predictions": [[0.5, 0.5], [1, 0]]}"#,
        ] {
            #expect(throws: OracleError.self) { try oracle([.status(200, text)]).ask(Self.picture) }
        }
        #expect(throws: OracleError.unexpectedStatus(404, excerpt: "none here")) {
            try oracle([.status(404, "none here")]).ask(Self.picture)
        }
    }

    @Test("a label is an answer that is sure; one past the classes is none")
    func labels() throws {
        let format = AnswerFormat(kind: .labels, classes: 2)
        let oracle = oracle(
            [.status(200, #"{"predictions": [1]}"#), .status(200, #"{"predictions": [2]}"#)], answer: format)
        #expect(try oracle.ask(Self.picture) == [.answered([0, 1])])
        #expect(throws: OracleError.self) { try oracle.ask(Self.picture) }
    }

    @Test("a client is told by what it does and which credentials it has, not by what these say")
    func identity() {
        var manner = HTTPOracle.Manner()
        var told: Set = [manner.identity]
        manner.fields["X-API-Key"] = "first secret"
        #expect(told.insert(manner.identity).inserted && !manner.identity.contains("secret"))
        manner.fields["X-API-Key"] = "second secret"
        #expect(!told.insert(manner.identity).inserted)
        manner.fields["Authorization"] = "Bearer t"
        #expect(told.insert(manner.identity).inserted)
        manner.proofThreads = 1
        #expect(told.insert(manner.identity).inserted)
        manner.proofThreads = 8
        #expect(!told.insert(manner.identity).inserted)
        manner.waitMax = .seconds(3)
        #expect(told.insert(manner.identity).inserted)
        manner.requestsPerSecond = 3
        #expect(told.insert(manner.identity).inserted)
    }

    @Test("an https address is asked by TLS: where nothing listens there is no victim")
    func secure() throws {
        var manner = HTTPOracle.Manner()
        manner.attemptsMax = 1
        let oracle = try HTTPOracle(
            url: "https://127.0.0.1:1/x", query: Self.query, answer: AnswerFormat(), classes: 2,
            manner: manner)
        #expect(throws: OracleError.self) { try oracle.ask(Self.picture) }
        #expect(oracle.statuses.isEmpty)
    }

    @Test(
        "an address that is none is refused",
        arguments: ["", "ftp://h/x", "https://", "http://", "http://h:99999/"])
    func badURL(text: String) {
        #expect(throws: OracleError.badURL(text)) {
            try HTTPOracle(url: text, query: Self.query, answer: AnswerFormat(), classes: 2)
        }
    }
}
