import Learning
import Query
import Synchronization
import Tensor
import TestSupport
import Testing

@Suite("Logits that look like probabilities")
struct LogitsDoubtTests {
    private let images = ImageSet(
        shape: ImageShape(channels: 1, height: 2, width: 2), bytes: [UInt8](repeating: 7, count: 16))

    /// What is said while a victim is asked about four images, two at once, whose answers are these rows.
    private func said(_ kind: AnswerKind, _ rows: [String]) async throws -> [String] {
        let said = Mutex<[String]>([])
        let next = Mutex(rows[...])
        var manner = VictimClient.Manner()
        (manner.batch, manner.concurrency) = (2, 1)
        let client = try VictimClient(
            url: "http://victim.test/",
            query: QueryFormat(layout: .hwc, range: ValueRange(low: 0, high: 1), shape: images.shape),
            answer: AnswerFormat(kind: kind, sumTolerance: 0.01), manner: manner,
            exchange: { _ in
                let rows = next.withLock { next in
                    defer { next = next.dropFirst(2) }
                    return next.prefix(2).joined(separator: ",")
                }
                return .init(status: 200, body: Array("{\"predictions\":[\(rows)]}".utf8))
            },
            say: { line in said.withLock { $0.append(line) } })
        var journal = try AnswerJournal(
            try ScratchFolder().file("j"), imagesDigest: images.digest, victim: "v")
        let answers = try await client.ask(images, journal: &journal, stop: StopFlag(), show: { _ in })
        #expect(answers.probabilities.rows == 4)
        return said.withLock { $0 }
    }

    private let probabilities = ["[0.1,0.9]", "[0.5,0.5004]", "[1,0]", "[0.25,0.75]"]

    @Test("they are warned of once, where every row heard is not negative and sums to 1")
    func warned() async throws {
        let said = try await said(.logits, probabilities)
        #expect(said.count == 1)
        for word in ["all 4 rows", "look like probabilities", "--victim-answer probabilities"] {
            #expect(said.first?.contains(word) == true, "\(said)")
        }
    }

    @Test("one row that is none is enough, in the first answer or in the last", arguments: [0, 3])
    func logits(place: Int) async throws {
        for row in ["[-0.5,1.5]", "[0.5,0.5312]", "[2,3]"] {
            var rows = probabilities
            rows[place] = row
            #expect(try await said(.logits, rows).isEmpty, "\(row)")
        }
    }

    @Test("probabilities that are called so are as they should be")
    func probabilitiesThemselves() async throws {
        #expect(try await said(.probabilities, probabilities).isEmpty)
    }
}
