import Foundation
import Query
import Synchronization
import Tensor
import TestSupport
import Testing

@testable import Learning

@Suite("A victim's Retry-After (RFC 9110 §10.2.3) is heeded")
struct VictimPatienceTests {
    private let image = ImageShape(channels: 1, height: 2, width: 2)

    /// What is slept and said where the first request fails so.
    private func waits(
        status: Int, retryAfter: String?, max: Duration = .seconds(600)
    ) async throws -> (slept: [Duration], said: [String]) {
        let endpoint = VictimClientTests.Endpoint(retryAfter: retryAfter) { $0 == 1 ? (status, "busy") : nil }
        let slept = Mutex<[Duration]>([])
        let said = Mutex<[String]>([])
        var manner = VictimClient.Manner()
        manner.retryAfterMax = max
        let client = try VictimClient(
            url: "http://victim.test/",
            query: QueryFormat(layout: .hwc, range: ValueRange(low: 0, high: 1), shape: image),
            answer: AnswerFormat(sumTolerance: 0.01), manner: manner,
            exchange: { try await endpoint.exchange($0) },
            say: { line in said.withLock { $0.append(line) } },
            sleep: { wait in slept.withLock { $0.append(wait) } })
        _ = try await client.answers(to: QueryBatch(shape: image, values: [0, 0, 0, 0]))
        return (slept.withLock { $0 }, said.withLock { $0 })
    }

    @Test("429 and 503 are asked again when they say, and the wait is said", arguments: [429, 503])
    func heeded(status: Int) async throws {
        let (slept, said) = try await waits(status: status, retryAfter: "90")
        #expect(slept == [.seconds(90)])
        let line = try #require(said.first)
        #expect(said.count == 1)
        for word in ["\(status)", "90 s", "attempt 2 of 6"] { #expect(line.contains(word), "\(line)") }
    }

    @Test("no longer is waited than the most, and that is said")
    func bounded() async throws {
        let (slept, said) = try await waits(status: 429, retryAfter: "86400", max: .seconds(20))
        #expect(slept == [.seconds(20)])
        #expect(said.first?.contains("86400") == true && said.first?.contains("20 s") == true)
    }

    @Test(
        "without the field, with nonsense in it, with less than the usual pause, or of another status, the pause is the usual one",
        arguments: [(429, String?.none), (503, "soon"), (503, "0"), (500, "90"), (408, "90")])
    func usual(status: Int, retryAfter: String?) async throws {
        let (slept, said) = try await waits(status: status, retryAfter: retryAfter)
        #expect(slept == [VictimClient.Manner().pause] && said.isEmpty)
    }

    @Test("of several requests that wait until about the same moment one is told of")
    func saidOnce() {
        let said = Mutex(0)
        let notices = VictimNotices { _ in said.withLock { $0 += 1 } }
        for wait in [3600, 3600, 60, 7200] { notices.say("", holding: .seconds(wait)) }
        #expect(said.withLock { $0 } == 2)
    }

    @Test("whoever asks to stop does not wait for the moment", .timeLimit(.minutes(2)))
    func stopped() async throws {
        let stop = StopFlag()
        let endpoint = VictimClientTests.Endpoint(retryAfter: "600") { _ in (429, "") }
        let client = try VictimClient(
            url: "http://victim.test/",
            query: QueryFormat(layout: .hwc, range: ValueRange(low: 0, high: 1), shape: image),
            answer: AnswerFormat(), exchange: { try await endpoint.exchange($0) }, say: { _ in stop.raise() })
        let folder = try ScratchFolder()
        let images = ImageSet(shape: image, bytes: [1, 2, 3, 4])
        var journal = try AnswerJournal(folder.file("j"), imagesDigest: images.digest, victim: "v")
        await #expect(throws: VictimError.stopped(answered: 0, of: 1)) {
            try await client.ask(images, journal: &journal, stop: stop, show: { _ in })
        }
    }
}
