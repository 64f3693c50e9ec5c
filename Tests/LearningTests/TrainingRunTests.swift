import Foundation
import Learning
import SAME
import TestSupport
import Testing

@Suite("Training runs")
struct TrainingRunTests {
    @Test(
        "after an error the command to go on with is told where that helps: something is left, and it may pass"
    )
    func goesOn() throws {
        let folder = try ScratchFolder()
        let passing: [any Error] = [
            VictimError.unreachable(url: "u", attempts: 6, reason: "r"),
            VictimError.refused(url: "u", status: 401, excerpt: "", attempts: 1),
            VictimError.stopped(answered: 1, of: 2), CancellationError(),
            TrainingError.checkpoint(.unwritable(path: "p", reason: "full")),
            AnswerSetError.file(.unwritable(path: "p", reason: "full")),
            BundleError.file(.unwritable(path: "p", reason: "full")),
        ]
        let staying: [any Error] = [
            VictimError.badURL("u"), TrainingError.unusable(path: "p", reason: "r"),
            TrainingError.impossible(reason: "r"), AnswerJournalError.otherImages(path: "p"),
            DataError.noImages(path: "p"),
        ]
        for error in passing { #expect(!TrainingRun.canGoOn(from: folder.path, after: error), "\(error)") }
        var journal = try AnswerJournal(folder.file("answers.jsonl"), imagesDigest: "d", victim: "v")
        for error in passing { #expect(!TrainingRun.canGoOn(from: folder.path, after: error), "\(error)") }
        try journal.append(rows: [0], answers: [[1, 0]])
        for error in passing { #expect(TrainingRun.canGoOn(from: folder.path, after: error), "\(error)") }
        for error in staying { #expect(!TrainingRun.canGoOn(from: folder.path, after: error), "\(error)") }
    }
}
