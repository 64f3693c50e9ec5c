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
        url: String = "http://victim.test/", exchange: VictimClient.Exchange? = nil
    ) throws -> VictimClient {
        var manner = VictimClient.Manner()
        (manner.batch, manner.concurrency, manner.timeout) = (3, 2, .seconds(3600))
        return try VictimClient(
            url: url,
            query: QueryFormat(layout: .hwc, range: ValueRange(low: 0, high: 1), shape: images.shape),
            answer: AnswerFormat(sumTolerance: 0.01), manner: manner, exchange: exchange)
    }

    private func ask(_ client: VictimClient, _ stop: StopFlag) async throws -> VictimError? {
        let folder = try ScratchFolder()
        var journal = try AnswerJournal(folder.file("j"), imagesDigest: images.digest, victim: "v")
        return await #expect(throws: VictimError.self) {
            try await client.ask(images, journal: &journal, stop: stop, show: { _ in })
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
