import Learning
import Tensor
import TestSupport
import Testing

@Suite("Sets of answers")
struct AnswerSetTests {
    private func set(_ rows: [[Float]]) -> AnswerSet {
        AnswerSet(
            probabilities: Tensor(shape: [rows.count, rows[0].count], values: rows.flatMap { $0 }),
            imagesDigest: "d")
    }

    @Test("a victim that answers everything alike is warned of, with the numbers")
    func constant() throws {
        let same = [[Float]](repeating: [0.125, 0.75, 0.125], count: 40)
        let text = try #require(set(same).constancyWarning)
        for word in ["all 40 images", "class 1 of 3", "0.7500", "--victim-range"] {
            #expect(text.contains(word), "\(text)")
        }
        // Rounding differs from batch to batch.
        #expect(set(same + [[0.12501, 0.74998, 0.12501]]).constancyWarning != nil)
    }

    @Test("one other answer is enough not to be, and so is a single image")
    func notConstant() {
        let same = [[Float]](repeating: [1, 0], count: 40)
        #expect(set(same + [[0, 1]]).constancyWarning == nil)
        #expect(set(same + [[0.999, 0.001]]).constancyWarning == nil)
        #expect(set([[1, 0]]).constancyWarning == nil)
    }

    @Test("a place that no answers can be recorded at is known before they are there; what is there stays")
    func place() throws {
        let folder = try ScratchFolder()
        try folder.write([1, 2], to: "earlier")
        try AnswerSet.checkPlace(folder.file("earlier"))
        try AnswerSet.checkPlace(folder.file("new"))
        for path in [folder.file("missing/a"), folder.file("earlier/a"), folder.path, ""] {
            let error = #expect(throws: AnswerSetError.self, "\(path)") { try AnswerSet.checkPlace(path) }
            #expect(error?.description.contains("cannot write \(path)") == true, "\(path)")
        }
        #expect(folder.names == ["earlier"])
        #expect(try folder.bytes("earlier") == [1, 2])
    }
}
