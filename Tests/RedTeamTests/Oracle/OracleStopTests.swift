import Client
import Digest
import Dispatch
import Foundation
import Learning
import Policy
import Proxy
import Query
import Synchronization
import Tensor
import TestSupport
import Testing
import Transport

@testable import RedTeam

/// An endpoint that never answers; with its first request someone asks the client to stop.
private final class SilentEndpoint: RequestHandler {
    private let stop: StopFlag
    /// An exchange that nobody holds is answered with 500.
    private let held = Mutex<[Exchange]>([])

    init(_ stop: StopFlag) { self.stop = stop }

    func handle(_ exchange: Exchange) {
        held.withLock { $0.append(exchange) }
        stop.raise()
    }
}

@Suite("Asking an oracle to stop")
struct OracleStopTests {
    private static let image = ImageShape(channels: 1, height: 2, width: 2)
    private static let query = QueryFormat(layout: .hw, range: ValueRange(low: 0, high: 1), shape: image)
    private static let good = HTTPOracle.Response(200, Array(#"{"predictions": [[0.25, 0.75]]}"#.utf8))

    private func oracle(
        _ stop: StopFlag, proofThreads: Int = 0, sleep: ((Duration) -> Void)? = nil,
        exchange: @escaping HTTPOracle.Exchange
    ) -> HTTPOracle {
        var manner = HTTPOracle.Manner()
        manner.proofThreads = proofThreads
        return HTTPOracle(
            query: Self.query, answer: AnswerFormat(sumTolerance: 0.01), classes: 2, manner: manner,
            stop: stop, sleep: sleep, exchange: exchange)
    }

    @Test("nothing is sent any more, and what a batch has got by then is kept")
    func betweenRequests() throws {
        let folder = try ScratchFolder()
        let stop = StopFlag()
        var sent = 0
        let oracle = oracle(stop) { (_, _) throws(ClientError) in
            sent += 1
            if sent == 5 { stop.raise() }
            return Self.good
        }
        let session = AttackSession(
            oracle: oracle, budget: 40, workspace: Workspace(threads: 1), stop: stop,
            checkpoint: .init(path: folder.file("unfinished")))
        #expect(throws: AttackError.stopped(asked: 5)) { try session.ask(Tensor(shape: [40, 4])) }
        #expect(sent == 5)
        #expect(try AttackTrace.unfinished(folder.file("unfinished"))?.count == 5)
        #expect(throws: OracleError.stopped) { try oracle.ask(Tensor(shape: [1, 4])) }
        #expect(sent == 5)
    }

    @Test("a stop in a pause is the end of it, and nobody is called gone")
    func whilePausing() throws {
        let stop = StopFlag()
        var sent = 0
        let oracle = oracle(stop, sleep: { _ in stop.raise() }) { (_, _) throws(ClientError) in
            sent += 1
            throw .connectFailed(errno: 111)
        }
        #expect(throws: OracleError.stopped) { try oracle.ask(Tensor(shape: [1, 4])) }
        #expect(sent == 1)
        stop.wait(.seconds(1 << 40))
    }

    @Test("a proof that would take years is given up, and its query is not sent without it")
    func whileSolving() throws {
        let authority = ChallengeAuthority(secret: HMACKey([1, 2, 3]), epoch: 7)
        let binding = ChallengeBinding(client: "c", route: "r", query: SHA256.digest(of: "q"))
        let issued = try authority.issue(
            WorkDemand(expectedHashes: 1e15), for: binding, now: .seconds(10), lifetime: .seconds(60))
        let document = Array(#"{"status":428,"challenge":"\#(issued.token)"}"#.utf8)
        let stop = StopFlag()
        var sent = 0
        let oracle = oracle(stop, proofThreads: 1) { (_, _) throws(ClientError) in
            sent += 1
            stop.raise()
            return HTTPOracle.Response(428, document)
        }
        #expect(throws: OracleError.stopped) { try oracle.ask(Tensor(shape: [1, 4])) }
        #expect(sent == 1 && oracle.proofCount == 0)
    }

    @Test("an answer that does not come is waited for no longer")
    func whileWaiting() throws {
        let stop = StopFlag()
        let loops = try LoopGroup(count: 1)
        let address = try #require(try Endpoint(parsing: "127.0.0.1:0").address)
        let server = ProxyServer(
            listeners: [try Listener(binding: address)], loops: loops, handler: SilentEndpoint(stop))
        try server.start()
        let oracle = try HTTPOracle(
            url: "http://\(server.addresses[0])/m", query: Self.query, answer: AnswerFormat(), classes: 2,
            stop: stop)
        #expect(throws: OracleError.stopped) { try oracle.ask(Tensor(shape: [1, 4])) }
        #expect(oracle.statuses.isEmpty)
        let ended = DispatchSemaphore(value: 0)
        server.drain(deadline: .zero) { @Sendable in loops.shutdown { @Sendable in ended.signal() } }
        #expect(ended.wait(timeout: .now() + 60) == .success)
    }
}
