import Foundation
import Testing

@testable import Coding

@Suite("Deflater")
struct DeflaterTests {
    /// Runs Python on bytes: its zlib is the judge of what is written.
    private func python(_ program: String, _ input: [UInt8]) throws -> [UInt8] {
        let folder = NSTemporaryDirectory() + "samegate-coding-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(input).write(to: URL(fileURLWithPath: folder + "/in"))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c", "import zlib,gzip\nb=open('in','rb').read()\nopen('out','wb').write(\(program))",
        ]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/out")))
    }

    @Test("Python's zlib reads what is written, at every level", arguments: [1, 6, 9])
    func python(level: Int) throws {
        let plain = try Fixture.plain.get()
        #expect(try python("gzip.decompress(b)", Deflater.encode(plain, .gzip, level: level)) == plain)
        #expect(try python("zlib.decompress(b)", Deflater.encode(plain, .deflate, level: level)) == plain)
    }

    @Test(
        "bodies of every length come back, with the small windows of short ones",
        arguments: ContentCoding.allCases)
    func lengths(coding: ContentCoding) throws {
        let plain = try Fixture.plain.get()
        for count in Array(0..<40) + [249, 250, 251, 505, 506, 507, 7929, 7930, 7931, 20_000] {
            let body = Array(plain.prefix(count))
            let coded = try Deflater.encode(body, coding, level: 6)
            #expect(inflate(coded, coding, pieces: 64) == Outcome(plain: body), "\(count)")
        }
        #expect([0, 250, 251, 7930, 7931, 1 << 20].map(Deflater.windowBits) == [9, 9, 10, 13, 14, 15])
        #expect(Deflater.windowBits(for: nil) == 15)
    }

    @Test("after a sync flush everything put in can be read (RFC 1951 §3.2.4)")
    func flush() throws {
        let deflater = try Deflater(.gzip, level: 6)
        let inflater = Inflater(.gzip, limits: .ample)
        var read = ""
        for index in 0..<50 {
            let event = "data: \(index)\n\n"
            var coded: [UInt8] = []
            Array(event.utf8).withUnsafeBytes { deflater.deflate($0, .sync) { coded.append(contentsOf: $0) } }
            try coded.withUnsafeBytes {
                try inflater.inflate($0) { read += String(decoding: $0, as: UTF8.self) }
            }
            #expect(read.hasSuffix(event))
        }
    }

    @Test("a pool lends as many as it may, and what comes back from the midst of a body begins anew")
    func pool() throws {
        let pool = DeflaterPool(borrowedMax: 2)
        let plain = try Fixture.plain.get()
        let first = try #require(pool.borrow(.gzip, level: 3))
        #expect(pool.borrow(.deflate, level: 3) != nil)
        #expect(pool.borrow(.gzip, level: 3) == nil)
        plain.withUnsafeBytes { first.deflate($0, .none) { _ in } }
        pool.giveBack(first)
        let again = try #require(pool.borrow(.gzip, level: 3))
        #expect(again === first)
        var coded: [UInt8] = []
        plain.withUnsafeBytes { again.deflate($0, .finish) { coded.append(contentsOf: $0) } }
        #expect(coded == (try Deflater.encode(plain, .gzip, level: 3)))
        #expect(pool.borrowed == 2)
    }

    @Test("a body whose length is known gets a window of its own size, and the same bytes come out")
    func windows() throws {
        let pool = DeflaterPool(borrowedMax: 9)
        let plain = try Fixture.plain.get()
        for count in [0, 1, 300, 4096, min(20_000, plain.count)] {
            let deflater = try #require(pool.borrow(.gzip, level: 1, count: count))
            #expect(deflater.windowBits == Deflater.windowBits(for: count))
            var coded: [UInt8] = []
            plain[..<count].withUnsafeBytes { deflater.deflate($0, .finish) { coded.append(contentsOf: $0) } }
            #expect(coded == (try Deflater.encode(Array(plain[..<count]), .gzip, level: 1)))
            pool.giveBack(deflater)
        }
        let long = try #require(pool.borrow(.gzip, level: 1))
        #expect(long.windowBits == 15, "one that came back from a short body is none for a long one")
    }
}
