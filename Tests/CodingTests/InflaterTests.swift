import Testing

@testable import Coding

@Suite("Inflater")
struct InflaterTests {
    @Test(
        "reads what Python's zlib and gzip write, whole and byte by byte (RFC 1950, 1951, 1952)",
        arguments: Fixture.gzip + Fixture.deflate, [1, 2, 3, 700, Int.max / 2])
    func fixtures(name: String, size: Int) throws {
        let body = try Fixture.bytes(name)
        let outcome = inflate(body, Fixture.coding(of: name), pieces: min(size, body.count))
        #expect(outcome.error == nil)
        #expect(outcome.plain == (try Fixture.plain.get()))
    }

    @Test("says truncated at every point short of the end, and never gives a byte that is not there")
    func truncation() throws {
        let plain = try Fixture.plain.get()
        for name in ["level9.gzip", "header.gzip", "zlib.deflate", "raw.deflate"] {
            let body = try Fixture.bytes(name)
            let ends =
                Array(0..<64) + stride(from: 64, to: body.count - 64, by: 41) + (body.count - 64..<body.count)
            for end in ends {
                let outcome = inflate(Array(body[..<end]), Fixture.coding(of: name), pieces: body.count)
                #expect(outcome.error == .truncated, "\(name) cut at \(end)")
                #expect(plain.starts(with: outcome.plain))
            }
        }
    }

    @Test("a body of several members may end behind each of them and nowhere else (RFC 1952 §2.2)")
    func memberEnds() throws {
        let body = try Fixture.bytes("members.gzip")
        let plain = try Fixture.plain.get()
        var whole: [Int] = []
        for end in stride(from: 1, through: body.count, by: 1) {
            let outcome = inflate(Array(body[..<end]), .gzip, pieces: body.count)
            if outcome.error == nil { whole.append(outcome.plain.count) }
        }
        #expect(whole == Array(stride(from: 9000, to: plain.count, by: 9000)) + [plain.count])
    }

    @Test("notices every flipped bit of checksum and length (RFC 1952 §2.3.1, RFC 1950 §2.2)")
    func trailers() throws {
        for (name, count) in [("level9.gzip", 8), ("zlib.deflate", 4)] {
            let body = try Fixture.bytes(name)
            for bit in 0..<8 * count {
                var damaged = body
                damaged[body.count - count + bit / 8] ^= 1 << UInt8(bit % 8)
                guard case .corrupt = inflate(damaged, Fixture.coding(of: name), pieces: body.count).error
                else {
                    Issue.record("\(name), bit \(bit)")
                    return
                }
            }
        }
    }

    @Test("a flipped bit anywhere is an error, the same one whole and byte by byte")
    func flips() throws {
        let plain = try Fixture.plain.get()
        let body = try Deflater.encode(Array(plain.prefix(3000)), .gzip, level: 6)
        for bit in 0..<8 * body.count {
            var damaged = body
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            let whole = inflate(damaged, .gzip, pieces: body.count)
            // FTEXT, MTIME, XFL and OS say nothing about the content (RFC 1952 §2.3.1).
            let isIdle = bit == 24 || (32..<80).contains(bit)
            // Nor do the bits that fill up the last byte before the checksum (RFC 1951 §3.2.3).
            let isFilling = bit / 8 == body.count - 9 && whole.error == nil
            #expect((whole.error == nil) == (isIdle || isFilling), "bit \(bit)")
            if isIdle || isFilling { #expect(whole.plain.elementsEqual(plain.prefix(3000))) }
            #expect(inflate(damaged, .gzip, pieces: 1).error == whole.error, "bit \(bit)")
        }
    }

    @Test("nothing may follow: no zeros behind gzip, no second stream behind deflate")
    func trailing() throws {
        let gzip = try Fixture.bytes("level9.gzip")
        guard case .corrupt = inflate(gzip + [0, 0], .gzip, pieces: gzip.count).error else {
            return _ = Issue.record("zeros passed")
        }
        #expect(inflate(gzip + [0x1F], .gzip, pieces: gzip.count).error == .truncated)
        for name in Fixture.deflate {
            let body = try Fixture.bytes(name)
            #expect(inflate(body + body, .deflate, pieces: body.count).error == .trailingData)
            #expect(inflate(body + [0], .deflate, pieces: 1).error == .trailingData)
        }
    }

    @Test("what is another format is refused: zlib under gzip's name, text, nothing, a preset dictionary")
    func otherFormats() throws {
        for bytes in [try Fixture.bytes("zlib.deflate"), Array("{\"instances\": []}".utf8)] {
            guard case .corrupt = inflate(bytes, .gzip, pieces: bytes.count).error else {
                return _ = Issue.record("passed as gzip")
            }
        }
        #expect(inflate([], .gzip, pieces: 1).error == .truncated)
        #expect(inflate([], .deflate, pieces: 1).error == .truncated)
        #expect(inflate([0x78], .deflate, pieces: 1).error == .truncated)
        let dictionary = try Fixture.bytes("dictionary.zlib")
        #expect(inflate(dictionary, .deflate, pieces: 5).error == .needsDictionary)
        // Reserved flags must be zero (RFC 1952 §2.3.1.2).
        var flags = try Fixture.bytes("level9.gzip")
        flags[3] |= 0x80
        guard case .corrupt = inflate(flags, .gzip, pieces: flags.count).error else {
            return _ = Issue.record("reserved flag passed")
        }
    }

    @Test("once it has failed it stays so")
    func failed() throws {
        let inflater = Inflater(.gzip, limits: .ample)
        for _ in 0..<2 {
            #expect(throws: CodingError.corrupt("incorrect header check")) {
                try [UInt8](repeating: 1, count: 20).withUnsafeBytes { try inflater.inflate($0) { _ in } }
            }
        }
        #expect(throws: CodingError.corrupt("incorrect header check")) { try inflater.finish() }
    }
}
