import SAME
import Tensor
import TestSupport
import Testing

@testable import RedTeam

/// A victim that is asked row by row and fails at one of them.
private final class FailingOracle: VictimOracle {
    private let inner = LinearOracle()
    private let place: Int

    init(at place: Int) { self.place = place }

    var image: ImageShape { inner.image }
    var classes: Int { inner.classes }
    var queryCount: Int { inner.queryCount }
    var rowsTogether: Int { 1 }

    func ask(_ queries: Tensor) throws(OracleError) -> [OracleReply] {
        guard queryCount != place else { throw .unreadableAnswer("it is a page") }
        return try inner.ask(queries)
    }
}

@Suite("An attack's account with its victim")
struct AttackSessionTests {
    @Test("what was answered before a row that failed is on the disk, and no file shrinks by it")
    func keptBeforeFailure() throws {
        let folder = try ScratchFolder()
        let checkpoint = AttackSession.Checkpoint(path: folder.file("unfinished"))
        let pictures = Synthetic.pool(12).pictures(at: 0..<12)
        let session = Synthetic.session(FailingOracle(at: 7), budget: 12, checkpoint: checkpoint)
        #expect(throws: AttackError.oracle(.unreadableAnswer("it is a page"))) { try session.ask(pictures) }
        let kept = try #require(try checkpoint.earlier())
        #expect(kept.count == 7 && kept == session.record)
        let again = Synthetic.session(
            FailingOracle(at: 0), budget: 12, earlier: kept, checkpoint: checkpoint)
        #expect(throws: AttackError.self) { try again.ask(pictures) }
        #expect(try checkpoint.earlier() == kept)
        let resumed = Synthetic.session(FailingOracle(at: 99), budget: 12, earlier: kept)
        let replies = try resumed.ask(pictures)
        #expect(try replies == LinearOracle().ask(pictures))
        #expect(resumed.asked == 12 && resumed.record.count == 12)
    }
}
