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
            BundleError.strangers(path: "p", noun: "bundle", holds: ["n"]),
        ]
        let staying: [any Error] = [
            VictimError.badURL("u"), TrainingError.unusable(path: "p", reason: "r"),
            TrainingError.impossible(reason: "r"), AnswerJournalError.otherImages(path: "p"),
            DataError.noImages(path: "p"), BundleError.finished(path: "p", noun: "bundle"),
        ]
        for error in passing { #expect(!TrainingRun.canGoOn(from: folder.path, after: error), "\(error)") }
        var journal = try AnswerJournal(folder.file("answers.jsonl"), imagesDigest: "d", victim: "v")
        for error in passing { #expect(!TrainingRun.canGoOn(from: folder.path, after: error), "\(error)") }
        try journal.append(rows: [0], answers: [[1, 0]])
        for error in passing { #expect(TrainingRun.canGoOn(from: folder.path, after: error), "\(error)") }
        for error in staying { #expect(!TrainingRun.canGoOn(from: folder.path, after: error), "\(error)") }
    }

    // MARK: Places

    /// The reason why a place is refused.
    private func reason(_ output: String, _ checkpoints: String) -> String? {
        do throws(TrainingError) {
            try OutputPlace.check(output, checkpoints: checkpoints)
            return nil
        } catch {
            return error.description
        }
    }

    @Test(
        "checkpoints in what is written as a whole are refused, however that is spelt; beside it they are not"
    )
    func checkpointsInside() throws {
        let folder = try ScratchFolder()
        let output = folder.file("b")
        for inside in [output, output + "/", output + "/c/d", folder.file("x/../b/c"), folder.file("./b//c")]
        {
            #expect(reason(output, inside)?.contains("--checkpoint") == true, "\(inside)")
        }
        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: output)
        #expect(reason(output, folder.file("link/c"))?.contains("--checkpoint") == true)
        #expect(reason(folder.file("link") + "/", output)?.contains("--checkpoint") == true)
        for beside in [output + ".checkpoint", folder.file("c"), folder.path] {
            #expect(reason(output, beside) == nil, "\(beside)")
        }
        #expect(folder.names == ["b", "link"], "what was tried leaves nothing")
    }

    @Test(
        "a place that nothing can be written to is refused with the system's reason, and nothing is left there"
    )
    func unwritable() throws {
        let folder = try ScratchFolder()
        try folder.write([1], to: "file")
        #expect(reason(folder.file("file/b"), folder.file("c"))?.contains("Not a directory") == true)
        #expect(reason(folder.file("file/deep/b"), folder.file("c"))?.contains("Not a directory") == true)
        #expect(reason("/proc/b", folder.file("c"))?.contains("/proc/b") == true)
        #expect(reason(folder.file("new/deep/b"), folder.file("c")) == nil)
        #expect(folder.names == ["file"])
    }

    @Test("a directory without a name of its own, or that is mounted, cannot be written as a whole")
    func irreplaceable() throws {
        let folder = try ScratchFolder()
        for output in ["", ".", "/", folder.path + "/.", folder.path + "/.."] {
            #expect(reason(output, folder.file("c"))?.contains("name of its own") == true, "\(output)")
        }
        #expect(reason("/proc", folder.file("c"))?.contains("mounted") == true)
    }
}
