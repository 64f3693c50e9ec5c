import Testing

@testable import Imaging

@Suite("Encoding, channels, sizes")
struct TransformTests {
    @Test(
        "PNG written is PNG read, for every number of channels and odd sizes", arguments: [1, 3, 4],
        [1, 2, 31])
    func roundTrip(channels: Int, side: Int) throws {
        let samples = (0..<side * (side + 1) * channels).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
        let image = try Image(width: side, height: side + 1, channels: channels, samples: samples)
        let bytes = try image.encodePNG()
        #expect(try decode(bytes) == image)
    }

    @Test("a shape that the samples do not fill is refused")
    func shapes() {
        for (width, height, channels, count) in [
            (0, 1, 1, 0), (1, 0, 1, 0), (2, 2, 2, 8), (2, 2, 1, 5), (-1, -1, 1, 1), (Int.max, 2, 1, 0),
            (2, 2, 3, 4),
        ] {
            #expect(throws: ImageError.self) {
                try Image(
                    width: width, height: height, channels: channels,
                    samples: [UInt8](repeating: 0, count: count))
            }
        }
    }

    @Test("grey is the luma of Rec. 601 within rounding, and grey of grey is itself")
    func grey() throws {
        for (red, green, blue) in [
            (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (12, 200, 99), (0, 0, 0),
        ] {
            let image = try Image(
                width: 1, height: 1, channels: 3, samples: [UInt8(red), UInt8(green), UInt8(blue)])
            let luma = 0.299 * Double(red) + 0.587 * Double(green) + 0.114 * Double(blue)
            #expect(abs(Double(image.grey().samples[0]) - luma) <= 0.51)
            #expect(image.grey().rgb().grey() == image.grey())
        }
    }

    @Test("alpha blends over the background, or is dropped")
    func alpha() throws {
        let image = try Image(
            width: 3, height: 1, channels: 4, samples: [10, 20, 30, 0, 10, 20, 30, 255, 0, 100, 200, 51])
        #expect(image.flattened(over: 255).samples == [255, 255, 255, 10, 20, 30, 204, 224, 244])
        #expect(image.rgb().samples == [10, 20, 30, 10, 20, 30, 0, 100, 200])
        #expect(image.converted(toChannels: 2) == nil)
        #expect(image.converted(toChannels: 1)?.channels == 1)
    }

    @Test(
        "bilinear enlarges as PyTorch's interpolate without aligned corners (its documented example, times four)"
    )
    func bilinearUp() throws {
        let image = try Image(width: 2, height: 2, channels: 1, samples: [4, 8, 12, 16])
        let larger = try image.resized(width: 4, height: 4)
        #expect(larger.samples == [4, 5, 7, 8, 6, 7, 9, 10, 10, 11, 13, 14, 12, 13, 15, 16])
    }

    @Test("bilinear shrinking by two means the four middle neighbours, by three takes the centre")
    func bilinearDown() throws {
        let image = try Image(width: 6, height: 1, channels: 1, samples: [0, 10, 20, 30, 40, 50])
        #expect(try image.resized(width: 3, height: 1).samples == [5, 25, 45])
        #expect(try image.resized(width: 2, height: 1).samples == [10, 40])
    }

    @Test("area is the mean of what a pixel covers, fractions included")
    func area() throws {
        let image = try Image(width: 3, height: 2, channels: 1, samples: [0, 30, 60, 60, 90, 120])
        #expect(try image.resized(width: 1, height: 1, by: .area).samples == [60])
        // A new pixel covers one old one and half of the middle: (0 + 15) / 1.5 and (15 + 60) / 1.5.
        #expect(try image.resized(width: 2, height: 2, by: .area).samples == [10, 50, 70, 110])
    }

    @Test(
        "both keep a flat picture flat and channels apart, for any sizes",
        arguments: Image.Interpolation.allCases)
    func flat(interpolation: Image.Interpolation) throws {
        let image = try Image(
            width: 7, height: 5, channels: 3, samples: (0..<105).map { [UInt8(7), 128, 255][$0 % 3] })
        for (width, height) in [(1, 1), (3, 4), (7, 9), (28, 28), (13, 2)] {
            let other = try image.resized(width: width, height: height, by: interpolation)
            #expect(other.samples == (0..<width * height * 3).map { [UInt8(7), 128, 255][$0 % 3] })
        }
    }

    @Test("refuses sizes that are nothing or beyond the limits")
    func refusesSizes() throws {
        let image = try Image(width: 1, height: 1, channels: 1, samples: [1])
        for (width, height) in [(0, 1), (1, -1), (1 << 20, 1), (1 << 14, 1 << 14)] {
            #expect(throws: ImageError.self) { try image.resized(width: width, height: height) }
        }
    }
}
