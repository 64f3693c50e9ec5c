import Testing

@testable import Imaging

@Suite("Decoding")
struct DecodeTests {
    @Test(
        "every PNG colour type, depth, filter and interlacing gives the encoder's samples",
        arguments: Fixture.pngNames)
    func png(name: String) throws {
        let bytes = try Fixture.bytes(name)
        let expected = try Fixture.expected(name)
        #expect(try decode(bytes) == expected)
        #expect(try decode(bytes, as: .png) == expected)
    }

    @Test("JPEG kinds give another decoder's samples within rounding", arguments: Fixture.jpegNames)
    func jpeg(name: String) throws {
        let image = try decode(Fixture.bytes(name))
        let expected = try Fixture.expected(name)
        #expect(
            [image.width, image.height, image.channels] == [
                expected.width, expected.height, expected.channels,
            ])
        let worst = zip(image.samples, expected.samples).map { abs(Int($0) - Int($1)) }.max() ?? 0
        #expect(worst <= 2)
    }

    @Test(
        "a truncated file is an error at every length, never half a picture",
        arguments: Fixture.pngNames + Fixture.jpegNames)
    func truncated(name: String) throws {
        let bytes = try Fixture.bytes(name)
        for length in 0..<bytes.count {
            let part = Array(bytes[..<length])
            #expect(throws: ImageError.self) { try decode(part) }
        }
    }

    @Test("a header that promises billions of pixels is refused before memory is taken")
    func bomb() throws {
        let bytes = try Fixture.bytes("bomb.png")
        #expect(throws: ImageError.self) { try decode(bytes) }
        let roomy = ImageLimits(sideMax: 100_000)
        #expect(
            throws: ImageError.tooManyPixels(
                width: 60_000, height: 60_000, pixelsMax: 16 << 20, sideMax: 100_000)
        ) { try decode(bytes, limits: roomy) }
    }

    @Test("each limit is met exactly and missed by one", arguments: ["png-2-8.png", "jpeg-420.jpg"])
    func limits(name: String) throws {
        let bytes = try Fixture.bytes(name)
        let image = try Fixture.expected(name)
        let pixels = image.width * image.height
        let side = max(image.width, image.height)
        let exact = ImageLimits(encodedBytesMax: bytes.count, pixelsMax: pixels, sideMax: side)
        _ = try decode(bytes, limits: exact)
        for limits in [
            ImageLimits(encodedBytesMax: bytes.count - 1), ImageLimits(pixelsMax: pixels - 1),
            ImageLimits(sideMax: side - 1), ImageLimits(pixelsMax: 0),
        ] {
            #expect(throws: ImageError.self) { try decode(bytes, limits: limits) }
        }
    }

    @Test("what is no picture is told apart by its first bytes, not by its name")
    func unknown() throws {
        for bytes in [[], [0x47, 0x49, 0x46, 0x38], [0xFF, 0xD8], Array("{\"a\":1}".utf8)] as [[UInt8]] {
            #expect(throws: ImageError.unknownFormat) { try decode(bytes) }
        }
        let png = try Fixture.bytes("png-0-8.png")
        #expect(throws: ImageError.self) { try decode(png, as: .jpeg) }
        let jpeg = try Fixture.bytes("jpeg-grey.jpg")
        #expect(throws: ImageError.self) { try decode(jpeg, as: .png) }
    }

    @Test("a flipped bit in any critical PNG chunk is an error (PNG §5.3: the CRC)")
    func flippedBits() throws {
        let bytes = try Fixture.bytes("png-2-8.png")
        for index in 8..<bytes.count {
            var damaged = bytes
            damaged[index] ^= 0x10
            #expect(throws: ImageError.self, "byte \(index)") { try decode(damaged) }
        }
    }
}

@Suite("Damaged pictures")
struct ImageFuzzTests {
    @Test(
        "random damage gives an error or a whole picture, and never a crash",
        arguments: Fixture.pngNames + Fixture.jpegNames)
    func damage(name: String) throws {
        let original = try Fixture.bytes(name)
        var state: UInt64 = 20_251_107
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let limits = ImageLimits(pixelsMax: 1 << 16, sideMax: 4096)
        for _ in 0..<200 {
            var bytes = original
            for _ in 0...random(4) {
                let place = random(bytes.count)
                switch random(3) {
                case 0: bytes[place] = UInt8(random(256))
                case 1: bytes.remove(at: place)
                default:
                    bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + random(16))], at: place)
                }
            }
            guard let image = try? decode(bytes, limits: limits) else { continue }
            #expect(image.samples.count == image.width * image.height * image.channels)
            #expect(image.width * image.height <= limits.pixelsMax)
        }
    }
}
