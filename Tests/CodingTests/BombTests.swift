import Testing

@testable import Coding

@Suite("Decompression bombs")
struct BombTests {
    private static let zeros = Result {
        try Deflater.encode([UInt8](repeating: 0, count: 10 << 20), .gzip, level: 9)
    }

    private func limits(_ bytesMax: Int, ratio: Int = 1032) -> DecodingLimits {
        DecodingLimits(bytesMax: bytesMax, ratioMax: ratio)
    }

    private func error(_ body: [UInt8], _ codings: [ContentCoding], _ limits: DecodingLimits) -> CodingError?
    {
        do throws(CodingError) {
            _ = try BodyDecoder.decode(body, codings, limits: limits)
            return nil
        } catch {
            return error
        }
    }

    @Test("ten MiB of zeros in ten KiB stop at the bound on bytes, and at the ratio")
    func zeros() throws {
        let bomb = try Self.zeros.get()
        #expect(bomb.count < 11 << 10)
        #expect(error(bomb, [.gzip], limits(1 << 20)) == .tooLarge(bytesMax: 1 << 20))
        #expect(error(bomb, [.gzip], limits(64 << 20, ratio: 200)) == .ratioTooHigh(ratioMax: 200))
        #expect(error(bomb, [.gzip], limits(10 << 20)) == nil)
        #expect(error(bomb, [.gzip], limits((10 << 20) - 1)) == .tooLarge(bytesMax: (10 << 20) - 1))
    }

    @Test("it stops within one piece of the bound, whatever is still to come")
    func promptness() throws {
        let inflater = Inflater(.gzip, limits: limits(100_000))
        var given = 0
        #expect(throws: CodingError.tooLarge(bytesMax: 100_000)) {
            try Self.zeros.get().withUnsafeBytes { bytes in
                try inflater.inflate(bytes) { given += $0.count }
            }
        }
        #expect(given <= 100_000)
    }

    @Test("a small body of one value passes whatever its ratio; the floor is exact")
    func floor() throws {
        let floor = DecodingLimits(bytesMax: 0, ratioMax: 0).ratioFloorBytes
        let even = try Deflater.encode([UInt8](repeating: 0x30, count: floor), .gzip, level: 9)
        #expect(error(even, [.gzip], limits(1 << 20, ratio: 10)) == nil)
        let above = try Deflater.encode([UInt8](repeating: 0x30, count: floor + 1), .gzip, level: 9)
        #expect(error(above, [.gzip], limits(1 << 20, ratio: 10)) == .ratioTooHigh(ratioMax: 10))
    }

    @Test("a bomb inside a bomb is stopped at the outer one's bound, and a third coding is not even begun")
    func nested() throws {
        let inner = try Self.zeros.get()
        let outer = try Deflater.encode(inner, .deflate, level: 9)
        #expect(outer.count < 1 << 10)
        #expect(
            error(outer, [.gzip, .deflate], limits(64 << 20, ratio: 200)) == .ratioTooHigh(ratioMax: 200))
        #expect(error(outer, [.gzip, .deflate], limits(5000)) == .tooLarge(bytesMax: 5000))
        #expect(error(outer, [.gzip, .deflate, .gzip], limits(64 << 20)) == .tooManyCodings(2))
        let twice = try Fixture.bytes("twice.zlib")
        #expect(
            try BodyDecoder.decode(twice, [.deflate, .gzip], limits: limits(1 << 20)) == Fixture.plain.get())
    }

    @Test(
        "many members are too many at the exact count, empty ones too (RFC 1952 §2.2)",
        arguments: [0, 1, 500])
    func members(length: Int) throws {
        let member = try Deflater.encode([UInt8](repeating: 0x61, count: length), .gzip, level: 1)
        var some = limits(1 << 20)
        some.membersMax = 5
        let five = Array(repeatElement(member, count: 5).joined())
        #expect(error(five, [.gzip], some) == nil)
        #expect(error(five + member, [.gzip], some) == .tooManyMembers(5))
        #expect(inflate(five + member, .gzip, pieces: 1, limits: some).error == .tooManyMembers(5))
    }

    @Test("empty blocks are too many of any kind, whole and byte by byte (RFC 1951 §3.2.3)", arguments: 0..<3)
    func blocks(kind: Int) throws {
        // Bare RFC 1951 without a last block: stored, fixed codes, and tables of their own.
        let unit: [UInt8] =
            switch kind {
            case 0: [0x00, 0x00, 0x00, 0xFF, 0xFF]
            // 0, 01, 0000000 is ten bits: four of them are five bytes.
            case 1: [0b0000_0010, 0b0000_1000, 0b0010_0000, 0b1000_0000, 0x00]
            default: EmptyBlock.dynamic
            }
        let body = Array(repeatElement(unit, count: 3000).joined())
        let limits = limits(1 << 20)
        #expect(error(body, [.deflate], limits) == .tooManyBlocks)
        #expect(inflate(body, .deflate, pieces: 1, limits: limits).error == .tooManyBlocks)
        let few = Array(repeatElement(unit, count: 100).joined())
        #expect(error(few, [.deflate], limits) == .truncated)
    }

    @Test("a stream that is flushed often is no bomb as long as its blocks hold something")
    func flushed() throws {
        let deflater = try Deflater(.gzip, level: 6)
        var body: [UInt8] = []
        for index in 0..<4000 {
            // Each flush ends a block and adds an empty one.
            let line = Array(String(repeating: "line \(index) ", count: 60).utf8)
            line.withUnsafeBytes { deflater.deflate($0, .sync) { body.append(contentsOf: $0) } }
        }
        deflater.deflate(UnsafeRawBufferPointer(start: nil, count: 0), .finish) {
            body.append(contentsOf: $0)
        }
        #expect(error(body, [.gzip], limits(64 << 20)) == nil)
    }

    @Test("the bounds are what over-limit means; damage is not")
    func kinds() {
        let over: [CodingError] = [
            .tooLarge(bytesMax: 1), .ratioTooHigh(ratioMax: 1), .tooManyMembers(1), .tooManyBlocks,
            .tooManyCodings(1), .outOfMemory,
        ]
        let damage: [CodingError] = [
            .corrupt(""), .truncated, .trailingData, .needsDictionary, .unknownCoding("x"),
        ]
        #expect(!over.contains { !$0.isOverLimit })
        #expect(!damage.contains { $0.isOverLimit })
    }
}

/// A block with tables of its own and nothing in it, written bit by bit after RFC 1951 §3.2.7.
enum EmptyBlock {
    /// Padded to a byte by being repeated eight times.
    static let dynamic: [UInt8] = {
        var bits: [Int] = []
        func put(_ value: Int, _ count: Int) { for bit in 0..<count { bits.append(value >> bit & 1) } }
        for _ in 0..<8 {
            put(0, 1)
            put(2, 2)
            // 257 literal codes, 1 distance code, 18 code length codes, in the order 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1.
            put(0, 5)
            put(0, 5)
            put(14, 4)
            let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1]
            // Lengths 18 (a run of zeros) and 1 have codes of one bit: "1" is 18, since codes follow the symbols' order.
            for symbol in order { put(symbol == 18 || symbol == 1 ? 1 : 0, 3) }
            // Of 258 lengths all are zero but the end-of-block code's, number 256, and the distance code's.
            put(1, 1)
            put(138 - 11, 7)
            put(1, 1)
            put(118 - 11, 7)
            put(0, 1)
            put(0, 1)
            // The end of the block, by its code of one bit.
            put(0, 1)
        }
        return stride(from: 0, to: bits.count, by: 8).map { start in
            bits[start..<min(start + 8, bits.count)].enumerated().reduce(0) {
                $0 | UInt8($1.element) << UInt8($1.offset)
            }
        }
    }()
}
