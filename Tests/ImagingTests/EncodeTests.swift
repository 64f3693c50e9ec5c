import Testing

@testable import Imaging

@Suite("Writing JPEG")
struct EncodeTests {
    /// A smooth slope, or noise that no transform makes small.
    private static func picture(
        _ width: Int, _ height: Int, _ channels: Int, isNoise: Bool = false
    ) throws -> Image {
        var state: UInt32 = 7
        let samples = (0..<width * height * channels).map { index -> UInt8 in
            state = state &* 1_664_525 &+ 1_013_904_223
            let pixel = index / channels
            return isNoise ? UInt8(state >> 24) : UInt8((pixel % width * 3 + pixel / width * 2) % 256)
        }
        return try Image(width: width, height: height, channels: channels, samples: samples)
    }

    private static func error(_ a: Image, _ b: Image) -> Double {
        let sum = zip(a.samples, b.samples).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
        return Double(sum) / Double(a.samples.count)
    }

    /// The picture in a file; a span of a temporary array breaks Swift 6.3.1's code generation in debug builds.
    private static func read(_ file: [UInt8]) throws -> Image { try Image.decode(file.span) }

    @Test("a picture written and read again has its shape and nearly its samples", arguments: [1, 3])
    func roundTrip(channels: Int) throws {
        let picture = try Self.picture(37, 21, channels)
        let back = try Self.read(try picture.encodeJPEG(quality: 100))
        #expect((back.width, back.height, back.channels) == (37, 21, channels))
        #expect(Self.error(picture, back) < 2)
    }

    @Test("a lower quality takes fewer bytes and moves the samples further")
    func quality() throws {
        let picture = try Self.picture(64, 48, 1, isNoise: true)
        let files = try [20, 60, 95].map { try picture.encodeJPEG(quality: $0) }
        let errors = try files.map { Self.error(picture, try Self.read($0)) }
        #expect(files[0].count < files[1].count && files[1].count < files[2].count)
        #expect(errors[0] > errors[1] && errors[1] > errors[2] && errors[2] > 0)
    }

    @Test("noise at the highest quality, and pictures of one pixel, fit the room that is made for them")
    func worstCase() throws {
        for (width, height) in [(1, 1), (8, 8), (200, 130)] {
            let picture = try Self.picture(width, height, 3, isNoise: true)
            let back = try Self.read(try picture.encodeJPEG(quality: 100))
            #expect((back.width, back.height) == (width, height))
        }
    }

    @Test("an alpha channel and a quality out of range are refused", arguments: [(4, 90), (1, 0), (3, 101)])
    func refusals(channels: Int, quality: Int) throws {
        let picture = try Self.picture(4, 4, channels)
        #expect(throws: ImageError.self) { try picture.encodeJPEG(quality: quality) }
    }
}
