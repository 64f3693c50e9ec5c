import Foundation
import Learning
import SAME
import Tensor
import TestSupport
import Testing

@testable import RedTeam

@Suite("Every attack")
struct AttackRunTests {
    static let names = Synthetic.attacks().map(\.name)

    private func attack(_ name: String) throws -> any Attack {
        try #require(Synthetic.attacks().first { $0.name == name })
    }

    @Test("keeps to its budget and repeats exactly for one seed, not for another", arguments: names)
    func repeats(name: String) throws {
        func run(_ seed: UInt64) throws -> AttackTrace {
            try attack(name).run(through: Synthetic.session(budget: 40), seed: seed)
        }
        let (first, second, other) = (try run(3), try run(3), try run(4))
        #expect(first.summary.asked <= 40 && first.summary.asked > 0)
        #expect(first.record.origins.count { $0 == .attack } <= 40)
        #expect(first.record == second.record)
        #expect(first.substitute?.stateDict == second.substitute?.stateDict)
        #expect(first.record != other.record)
        #expect(first.record.values.allSatisfy { $0 >= -1.01 && $0 <= 1.01 })
    }

    @Test("goes on where every third query is refused, and learns from the others alone", arguments: names)
    func refused(name: String) throws {
        let oracle = LinearOracle { $0 % 3 == 2 ? .rejected : nil }
        let trace = try attack(name).run(through: Synthetic.session(oracle, budget: 30), seed: 1)
        #expect(trace.record.refusals[.rejected] == trace.record.count / 3)
        let learnt = trace.record.answered(classes: Synthetic.classes)
        #expect(learnt.queries.rows == trace.record.count - trace.record.count / 3)
        #expect(trace.substitute?.stateDict.values.allSatisfy { $0.values.allSatisfy(\.isFinite) } == true)
    }

    @Test(
        "stopped midway and resumed, it gives the uninterrupted run and asks nothing twice", arguments: names)
    func resumes(name: String) throws {
        let folder = try ScratchFolder()
        let path = folder.file("unfinished")
        let whole = try attack(name).run(through: Synthetic.session(budget: 40), seed: 9)
        let stop = StopFlag()
        let interrupted = AttackSession(
            oracle: LinearOracle(), budget: 40, workspace: Workspace(threads: 1), stop: stop,
            checkpoint: .init(path: path)
        ) { asked, _ in if asked >= 12 { stop.raise() } }
        #expect(throws: AttackError.self) { try attack(name).run(through: interrupted, seed: 9) }
        let earlier = try #require(try AttackTrace.unfinished(path))
        #expect(earlier.count >= 12 && earlier.count == interrupted.record.count)
        let oracle = LinearOracle()
        let resumed = try attack(name).run(
            through: Synthetic.session(oracle, budget: 40, earlier: earlier), seed: 9)
        #expect(resumed.record == whole.record)
        #expect(resumed.substitute?.stateDict == whole.substitute?.stateDict)
        #expect(oracle.queryCount == whole.record.count - earlier.count)
    }

    @Test("another seed cannot resume a run")
    func foreignRecord() throws {
        let earlier = try NoiseAttack(.uniform).run(through: Synthetic.session(budget: 8), seed: 1).record
        #expect(throws: AttackError.replayDiffers(query: 0)) {
            try NoiseAttack(.uniform).run(through: Synthetic.session(budget: 8, earlier: earlier), seed: 2)
        }
    }

    @Test("a trace read back is the trace written; a damaged or unfinished one is refused")
    func files() throws {
        let folder = try ScratchFolder()
        let oracle = LinearOracle { $0 % 4 == 1 ? OracleRefusal.allCases[$0 / 4 % 4] : nil }
        let pictures = Synthetic.pool(12).pictures(at: 0..<12)
        let test = SubstituteTest(
            pictures: pictures, labels: [Int](repeating: 1, count: 12),
            victimLabels: (0..<12).map { LinearOracle().logits(pictures.row($0))[...].largest ?? 0 })
        let trace = try NoiseAttack(.normal, training: Synthetic.training)
            .run(through: Synthetic.session(oracle, budget: 24), seed: 1, test: test)
        try trace.write(to: folder.file("t"))
        let read = try AttackTrace(contentsOf: folder.file("t"))
        #expect(read.record == trace.record && read.summary == trace.summary)
        #expect(read.substitute?.stateDict == trace.substitute?.stateDict)
        let measured = test.measure(try #require(read.substitute), workspace: Workspace())
        #expect(measured.accuracy == trace.summary.accuracy && measured.fidelity == trace.summary.fidelity)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.file("t")))
        try bytes.dropLast(9).write(to: URL(fileURLWithPath: folder.file("cut")))
        #expect(throws: AttackError.self) { try AttackTrace(contentsOf: folder.file("cut")) }
        try AttackTrace.writeUnfinished(trace.record, classes: 4, to: folder.file("u"))
        #expect(throws: AttackError.self) { try AttackTrace(contentsOf: folder.file("u")) }
        #expect(try AttackTrace.unfinished(folder.file("u")) == trace.record)
        #expect(try AttackTrace.unfinished(folder.file("none")) == nil)
    }

    @Test("what a run has left is taken up by that run alone")
    func otherRun() throws {
        let folder = try ScratchFolder()
        let record = try NoiseAttack(.uniform).run(through: Synthetic.session(budget: 8), seed: 1).record
        let checkpoint = AttackSession.Checkpoint(path: folder.file("u"), of: "victim A")
        try AttackTrace.writeUnfinished(record, classes: 4, of: checkpoint.run, to: checkpoint.path)
        #expect(try checkpoint.earlier() == record)
        #expect(throws: AttackError.self) {
            try AttackSession.Checkpoint(path: folder.file("u"), of: "victim B").earlier()
        }
    }

    @Test("pictures of another size, or none, or no classes, are refused with the reason")
    func unfit() throws {
        let large = PicturePool(
            images: ImageSet(shape: ImageShape(channels: 1, height: 2, width: 2), bytes: [1, 2, 3, 4]))
        let empty = PicturePool(images: ImageSet(shape: Synthetic.shape, bytes: []))
        for attack: any Attack in [
            Knockoff(pool: large), Knockoff(pool: empty), JacobianAugmentation(seeds: empty),
        ] {
            #expect(throws: AttackError.self) {
                try attack.run(through: Synthetic.session(budget: 4), seed: 1)
            }
        }
        #expect(throws: AttackError.self) {
            try AdaptiveKnockoff(pool: Synthetic.pool(5)).run(through: Synthetic.session(budget: 4), seed: 1)
        }
    }
}
