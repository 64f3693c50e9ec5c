import Foundation
import Glibc
import Learning
import Query
import Synchronization
import Tensor
import TestSupport
import Testing

@Suite("Stopping while a victim is asked", .timeLimit(.minutes(2)))
struct VictimStopTests {
    private let images = ImageSet(
        shape: ImageShape(channels: 1, height: 2, width: 2),
        bytes: (0..<12).flatMap { [UInt8](repeating: $0, count: 4) })

    private func client(
        url: String = "http://victim.test/", exchange: VictimClient.Exchange? = nil,
        say: @escaping @Sendable (String) -> Void = { _ in },
        sleep: @escaping @Sendable (Duration) async throws -> Void = { _ in }
    ) throws -> VictimClient {
        var manner = VictimClient.Manner()
        (manner.batch, manner.concurrency, manner.timeout) = (3, 2, .seconds(3600))
        return try VictimClient(
            url: url,
            query: QueryFormat(layout: .hwc, range: ValueRange(low: 0, high: 1), shape: images.shape),
            answer: AnswerFormat(sumTolerance: 0.01), manner: manner, exchange: exchange,
            say: say, sleep: sleep)
    }

    private func journal(_ folder: ScratchFolder) throws -> AnswerJournal {
        try AnswerJournal(folder.file("j"), imagesDigest: images.digest, victim: "v")
    }

    private func ask(
        _ client: VictimClient, _ stop: StopFlag, _ folder: ScratchFolder? = nil
    ) async throws -> VictimError? {
        var journal = try journal(try folder ?? ScratchFolder())
        return await #expect(throws: VictimError.self) {
            try await client.ask(images, journal: &journal, stop: stop, show: { _ in })
        }
    }

    /// Counts requests, and answers three images as a victim of two classes does.
    private final class Requests: Sendable {
        private let count = Mutex(0)
        static let answer = VictimClient.Response(
            status: 200, body: Array(#"{"predictions":[[1,0],[1,0],[0,1]]}"#.utf8))

        /// The number of one more.
        func next() -> Int {
            count.withLock { count in
                count += 1
                return count
            }
        }

        var soFar: Int { count.withLock { $0 } }
    }

    @Test("what is answered in the time that is left after the end was called, is kept")
    func answeredLate() async throws {
        let (stop, late, never) = (StopFlag(), StopFlag(), StopFlag())
        let requests = Requests()
        let asked = try client(
            exchange: { _ in
                if requests.next() == 2 { stop.raise() }
                await late.wait()
                return Requests.answer
            },
            sleep: { _ in
                late.raise()
                await never.wait()
            })
        let folder = try ScratchFolder()
        #expect(try await ask(asked, stop, folder) == .stopped(answered: 6, of: 12))
        #expect(try journal(folder).answers.count == 6 && requests.soFar == 2)
    }

    @Test("a request that fails for good costs no answer of the others; nothing more is asked")
    func failure() async throws {
        let (both, late) = (StopFlag(), StopFlag())
        let requests = Requests()
        let said = Mutex<[String]>([])
        let asked = try client(
            exchange: { _ in
                if requests.next() == 1 {
                    await both.wait()
                    return .init(status: 401, body: [])
                }
                both.raise()
                await late.wait()
                return Requests.answer
            },
            say: { line in
                said.withLock { $0.append(line) }
                late.raise()
            })
        let folder = try ScratchFolder()
        let error = try await ask(asked, StopFlag(), folder)
        guard case .refused(_, 401, _, 1)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try journal(folder).answers.count == 3 && requests.soFar == 2)
        let line = try #require(said.withLock { $0 }.first)
        #expect(line.contains("1 request under way"))
        // What happened comes first.
        #expect(
            line.hasPrefix(
                "\(VictimError.refused(url: "http://victim.test/", status: 401, excerpt: "(nothing)", attempts: 1))"
            ))
    }

    @Test("where every request fails at once, the error says all: no answer is waited for")
    func allFail() async throws {
        let (both, never) = (StopFlag(), StopFlag())
        let requests = Requests()
        let said = Mutex<[String]>([])
        let asked = try client(
            exchange: { _ in
                if requests.next() == 2 { both.raise() }
                await both.wait()
                return .init(status: 401, body: [])
            },
            say: { line in said.withLock { $0.append(line) } },
            sleep: { _ in await never.wait() })
        guard case .refused(_, 401, _, 1)? = try await ask(asked, StopFlag()) else {
            Issue.record("not the failure")
            return
        }
        #expect(said.withLock { $0 }.isEmpty)
    }

    @Test("once the end was called, what fails is not tried again")
    func notTriedAgain() async throws {
        let (both, late) = (StopFlag(), StopFlag())
        let requests = Requests()
        let asked = try client(
            exchange: { _ in
                if requests.next() == 1 {
                    await both.wait()
                    return .init(status: 401, body: [])
                }
                both.raise()
                await late.wait()
                return .init(status: 503, body: [])
            }, say: { _ in late.raise() })
        guard case .refused(_, 401, _, 1)? = try await ask(asked, StopFlag()) else {
            Issue.record("not the first failure")
            return
        }
        #expect(requests.soFar == 2)
    }

    @Test("answers that the disk has no room for are no answers that are kept, also at the end")
    func fullDisk() async throws {
        let folder = try ScratchFolder()
        let (stop, never) = (StopFlag(), StopFlag())
        let requests = Requests()
        let asked = try client { _ in
            guard requests.next() == 1 else {
                await never.wait()
                throw CancellationError()
            }
            // A directory in the journal's place takes no answers.
            try FileManager.default.removeItem(atPath: folder.file("j"))
            try FileManager.default.createDirectory(
                atPath: folder.file("j"), withIntermediateDirectories: false)
            stop.raise()
            return Requests.answer
        }
        guard case .journal? = try await ask(asked, stop, folder) else {
            Issue.record("not the journal's error")
            return
        }
    }

    @Test("no answer is waited for once someone asks to stop")
    func hanging() async throws {
        let (stop, never) = (StopFlag(), StopFlag())
        let asked = try client { _ in
            stop.raise()
            await never.wait()
            throw CancellationError()
        }
        #expect(try await ask(asked, stop) == .stopped(answered: 0, of: 12))
    }

    @Test("who asks to stop before anything is asked, asks nothing")
    func before() async throws {
        let stop = StopFlag()
        stop.raise()
        let count = Mutex(0)
        let asked = try client { _ in
            count.withLock { $0 += 1 }
            throw CancellationError()
        }
        #expect(try await ask(asked, stop) == .stopped(answered: 0, of: 12))
        #expect(count.withLock { $0 } == 0)
    }

    @Test("an endpoint that takes a connection and says nothing is given up at once")
    func silentEndpoint() async throws {
        let (listener, port) = try Self.listen()
        defer { close(listener) }
        let stop = StopFlag()
        DispatchQueue.global().async { @Sendable in
            _ = accept(listener, nil, nil)
            stop.raise()
        }
        let asked = try client(url: "http://127.0.0.1:\(port)/")
        #expect(try await ask(asked, stop) == .stopped(answered: 0, of: 12))
    }

    /// A socket that listens on this machine, and its port.
    private static func listen() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
                try #require(bind(descriptor, general, length) == 0 && Glibc.listen(descriptor, 8) == 0)
                try #require(getsockname(descriptor, general, &length) == 0)
            }
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    // MARK: The flag

    @Test("whoever waits for the flag goes on when it is raised, and need not wait after")
    func flag() async {
        let flag = StopFlag()
        async let first: Void = flag.wait()
        async let second: Void = flag.wait()
        flag.raise()
        _ = await (first, second)
        await flag.wait()
        #expect(flag.isRaised)
    }

    @Test("a task that is cancelled waits for no flag")
    func cancelled() async {
        let flag = StopFlag()
        let task = Task { await flag.wait() }
        task.cancel()
        await task.value
        #expect(!flag.isRaised)
    }
}
