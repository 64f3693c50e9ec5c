import Foundation
import Learning
import Query
import SAME
import Synchronization
import Tensor
import TestSupport
import Testing

@Suite("Victim client")
struct VictimClientTests {
    /// An endpoint in memory: counts, fails as told, and answers each image with its mean brightness.
    final class Endpoint: Sendable {
        struct State {
            var requests = 0
            var under = 0
            var underMax = 0
            var rowsAsked = 0
        }
        let state = Mutex(State())
        let fail: @Sendable (Int) -> (status: Int, body: String)?
        /// What failures say of when to ask again.
        let retryAfter: String?

        init(
            retryAfter: String? = nil,
            fail: @escaping @Sendable (Int) -> (status: Int, body: String)? = { _ in nil }
        ) {
            self.fail = fail
            self.retryAfter = retryAfter
        }

        /// Reads the request with Foundation's parser, so that nothing of the program's own JSON is trusted.
        func exchange(_ request: [UInt8]) async throws -> VictimClient.Response {
            let number = state.withLock { state in
                state.requests += 1
                state.under += 1
                state.underMax = max(state.underMax, state.under)
                return state.requests
            }
            await Task.yield()
            defer { state.withLock { $0.under -= 1 } }
            if let failure = fail(number) {
                return .init(
                    status: failure.status, body: Array(failure.body.utf8), retryAfter: retryAfter)
            }
            let tree = try JSONSerialization.jsonObject(with: Data(request)) as? [String: Any]
            let rows = tree?["instances"] as? [Any] ?? []
            state.withLock { $0.rowsAsked += rows.count }
            let answers = rows.map { row in
                let values = Self.flat(row)
                let mean = values.reduce(0, +) / Double(max(values.count, 1))
                return "[\(mean),\(1 - mean)]"
            }
            return .init(
                status: 200, body: Array("{\"predictions\":[\(answers.joined(separator: ","))]}".utf8))
        }

        static func flat(_ value: Any) -> [Double] {
            (value as? [Any])?.flatMap(flat) ?? [(value as? NSNumber)?.doubleValue ?? .nan]
        }
    }

    private let images = ImageSet(
        shape: ImageShape(channels: 1, height: 2, width: 2),
        bytes: (0..<40).flatMap { [UInt8](repeating: $0 * 6, count: 4) })

    private func client(
        _ endpoint: Endpoint, attempts: Int = 4,
        _ change: (inout VictimClient.Manner) -> Void = { _ in }
    ) throws -> VictimClient {
        var manner = VictimClient.Manner()
        manner.batch = 7
        manner.concurrency = 3
        manner.attemptsMax = attempts
        change(&manner)
        return try VictimClient(
            url: "http://victim.test/v1/models/m:predict",
            query: QueryFormat(layout: .hwc, range: ValueRange(low: 0, high: 1), shape: images.shape),
            answer: AnswerFormat(sumTolerance: 0.01), manner: manner,
            exchange: { try await endpoint.exchange($0) }, sleep: { _ in })
    }

    private func journal(_ folder: ScratchFolder, victim: String = "v") throws -> AnswerJournal {
        try AnswerJournal(folder.file("j"), imagesDigest: images.digest, victim: victim)
    }

    @Test("every image is asked once, in batches, and answered in its place")
    func asks() async throws {
        let endpoint = Endpoint()
        let folder = try ScratchFolder()
        var journal = try journal(folder)
        let answers = try await client(endpoint).ask(
            images, journal: &journal, stop: StopFlag(), show: { _ in })
        #expect(answers.probabilities.shape == [40, 2])
        for row in 0..<40 {
            #expect(abs(answers.probabilities.values[row * 2] - Float(row * 6) / 255) < 1e-5)
        }
        let state = endpoint.state.withLock { $0 }
        #expect(state.requests == 6 && state.rowsAsked == 40 && state.underMax <= 3)
    }

    @Test("failures that may pass are tried again")
    func retries() async throws {
        let endpoint = Endpoint { $0 % 2 == 1 ? (503, "busy") : nil }
        let folder = try ScratchFolder()
        var journal = try journal(folder)
        let client = try client(endpoint, attempts: 10)
        let answers = try await client.ask(images, journal: &journal, stop: StopFlag(), show: { _ in })
        #expect(answers.probabilities.rows == 40)
    }

    @Test("a request that is called wrong is not repeated; the status and the body's beginning are told")
    func refused() async throws {
        let endpoint = Endpoint { _ in (400, "{\"error\":\"no such signature\"}") }
        let error = await #expect(throws: VictimError.self) {
            try await client(endpoint, attempts: 5).answers(
                to: QueryBatch(shape: images.shape, values: [0, 0, 0, 0]))
        }
        #expect(error?.description.contains("400") == true)
        #expect(error?.description.contains("no such signature") == true)
        #expect(endpoint.state.withLock { $0.requests } == 1)
    }

    @Test("an endpoint that stays down is given up on after the attempts allowed")
    func givesUp() async throws {
        let endpoint = Endpoint { _ in (503, "") }
        let error = await #expect(throws: VictimError.self) {
            try await client(endpoint, attempts: 5).answers(
                to: QueryBatch(shape: images.shape, values: [0, 0, 0, 0]))
        }
        #expect(error?.description.contains("5 attempts") == true)
        #expect(endpoint.state.withLock { $0.requests } == 5)
    }

    @Test("nobody listening is said so")
    func unreachable() async throws {
        var manner = VictimClient.Manner()
        manner.attemptsMax = 2
        let client = try VictimClient(
            url: "http://127.0.0.1:1/",
            query: QueryFormat(layout: .hwc, range: ValueRange(low: 0, high: 1), shape: images.shape),
            answer: AnswerFormat(), manner: manner, sleep: { _ in })
        let error = await #expect(throws: VictimError.self) {
            try await client.answers(to: QueryBatch(shape: images.shape, values: [0, 0, 0, 0]))
        }
        guard case .unreachable(_, 2, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(
        "an answer that is not the protocol's is an error with its beginning",
        arguments: ["[]", "{\"predictions\":[[0.5,0.9]]}", "<html>"])
    func unreadable(body: String) async throws {
        let endpoint = Endpoint { _ in (200, body) }
        let error = await #expect(throws: VictimError.self) {
            try await client(endpoint).answers(to: QueryBatch(shape: images.shape, values: [0, 0, 0, 0]))
        }
        #expect(error?.description.contains(body) == true)
    }

    @Test(
        "what has to be said otherwise is named as fit has it",
        arguments: [
            (#"{"outputs":{"a":[[0,1]],"b":[[0,1]]}}"#, "--victim-output"),
            (#"{"predictions":[[0.5,0.9]]}"#, "--victim-answer"),
        ])
    func advice(body: String, option: String) async throws {
        let endpoint = Endpoint { _ in (200, body) }
        let error = await #expect(throws: VictimError.self) {
            try await client(endpoint).answers(to: QueryBatch(shape: images.shape, values: [0, 0, 0, 0]))
        }
        let text = error?.description ?? ""
        #expect(text.contains(option) && !text.contains("answer.") && !text.contains("route"), "\(text)")
    }

    @Test("what was answered before an interruption is not asked again")
    func journalled() async throws {
        let folder = try ScratchFolder()
        let stop = StopFlag()
        let first = Endpoint()
        var journal = try journal(folder)
        var shown = 0
        await #expect(throws: VictimError.self) {
            try await client(first) { $0.concurrency = 1 }.ask(images, journal: &journal, stop: stop) { _ in
                shown += 1
                if shown == 2 { stop.raise() }
            }
        }
        // A crash in the middle of a line must cost that line alone.
        var bytes = try folder.bytes("j")
        bytes += Array("{\"row\":39,\"answ".utf8)
        try folder.write(bytes, to: "j")
        let second = Endpoint()
        var resumed = try self.journal(folder)
        #expect(resumed.answers.count == 14)
        let answers = try await client(second).ask(
            images, journal: &resumed, stop: StopFlag(), show: { _ in })
        #expect(second.state.withLock { $0.rowsAsked } == 26)
        var whole = try AnswerJournal(folder.file("k"), imagesDigest: images.digest, victim: "v")
        let direct = try await client(Endpoint()).ask(
            images, journal: &whole, stop: StopFlag(), show: { _ in })
        #expect(answers.probabilities == direct.probabilities)
    }

    @Test("clients that ask otherwise say so")
    func conventions() throws {
        var query = QueryFormat(layout: .hwc, range: ValueRange(low: 0, high: 1), shape: images.shape)
        func conventions(_ answer: AnswerFormat = AnswerFormat()) throws -> String {
            try VictimClient(url: "http://v/", query: query, answer: answer).conventions
        }
        var seen = [try conventions()]
        query.range = ValueRange(low: 0, high: 255)
        seen.append(try conventions())
        query.layout = .chw
        seen.append(try conventions())
        query.inputName = "x"
        seen.append(try conventions())
        seen.append(try conventions(AnswerFormat(outputName: "y")))
        seen.append(try conventions(AnswerFormat(kind: .logits)))
        #expect(Set(seen).count == 6)
    }

    @Test(
        "only http and https URLs are taken",
        arguments: ["", "victim", "ftp://h/", "http://", "file:///etc/passwd"])
    func badURL(text: String) {
        #expect(throws: VictimError.badURL(text)) {
            try VictimClient(
                url: text,
                query: QueryFormat(layout: .hwc, range: ValueRange(low: 0, high: 1), shape: images.shape),
                answer: AnswerFormat())
        }
    }

    @Test("recorded answers come back to the bit, and only for the images they were asked about")
    func recorded() throws {
        let folder = try ScratchFolder()
        let (images, labels) = Synthetic.images(30)
        let answers = Synthetic.answers(images, labels)
        try answers.write(to: folder.file("a"))
        #expect(
            try AnswerSet(contentsOf: folder.file("a"), for: images).probabilities == answers.probabilities)
        for other in [Synthetic.images(29).images, Synthetic.images(30, seed: 2).images] {
            let error = #expect(throws: AnswerSetError.self) {
                try AnswerSet(contentsOf: folder.file("a"), for: other)
            }
            #expect(error?.description.contains(folder.file("a")) == true)
        }
        try folder.write(Array("no safetensors".utf8), to: "b")
        #expect(throws: AnswerSetError.self) { try AnswerSet(contentsOf: folder.file("b"), for: images) }
        #expect(throws: AnswerSetError.self) { try AnswerSet(contentsOf: folder.file("none"), for: images) }
    }
}
