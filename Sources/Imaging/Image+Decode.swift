import CJPEG
import CPNG

extension Image {
    /// The picture in `bytes`, whose first bytes tell the format.
    /// **Throws** when they are no whole picture within `limits`; never returns a part of one.
    package static func decode(
        _ bytes: Span<UInt8>, limits: ImageLimits = ImageLimits()
    ) throws(ImageError) -> Image {
        switch ImageFormat(signatureOf: bytes) {
        case .png: try decodePNG(bytes, limits: limits)
        case .jpeg: try decodeJPEG(bytes, limits: limits)
        case nil: throw .unknownFormat
        }
    }

    /// The PNG picture in `bytes`: any depth and kind becomes 8-bit grey, RGB, or RGBA when it has transparency.
    ///
    /// Of 16-bit samples the upper 8 bits are kept, as TensorFlow, OpenCV and Pillow do for RGB.
    package static func decodePNG(
        _ bytes: Span<UInt8>, limits: ImageLimits = ImageLimits()
    ) throws(ImageError) -> Image {
        let side = UInt32(clamping: min(limits.sideMax, Int(Int32.max)))
        return try decode(bytes, .png, limits) { base, count, output, capacity in
            var result = samegate_png_result()
            let succeeded = samegate_png_decode(base, count, side, output, capacity, &result) == 1
            return Outcome(
                width: Int(result.width), height: Int(result.height), channels: Int(result.channels),
                failure: succeeded ? nil : text(of: result.message))
        }
    }

    /// The JPEG picture in `bytes`, baseline or progressive: grey stays grey, all else becomes RGB.
    ///
    /// Damage that decoders usually paper over with grey is an error. The EXIF orientation is not applied.
    package static func decodeJPEG(
        _ bytes: Span<UInt8>, limits: ImageLimits = ImageLimits()
    ) throws(ImageError) -> Image {
        try decode(bytes, .jpeg, limits) { base, count, output, capacity in
            var result = samegate_jpeg_result()
            let succeeded = samegate_jpeg_decode(base, count, output, capacity, &result) == 1
            return Outcome(
                width: Int(result.width), height: Int(result.height), channels: Int(result.channels),
                failure: succeeded ? nil : text(of: result.message))
        }
    }

    /// What one call of a C decoder found.
    private struct Outcome {
        var width: Int
        var height: Int
        var channels: Int
        var failure: String?
    }

    private typealias Decoder = (
        _ base: UnsafePointer<UInt8>, _ count: Int, _ output: UnsafeMutablePointer<UInt8>?, _ capacity: Int
    ) -> Outcome

    /// Reads the header, holds it against the limits, and only then makes room for the samples.
    private static func decode(
        _ bytes: Span<UInt8>, _ format: ImageFormat, _ limits: ImageLimits, _ decoder: Decoder
    ) throws(ImageError) -> Image {
        guard bytes.count <= limits.encodedBytesMax else {
            throw .tooManyBytes(bytes.count, max: limits.encodedBytesMax)
        }
        let header = try run(bytes, format, decoder, nil, 0)
        guard header.width <= limits.sideMax, header.height <= limits.sideMax,
            header.width <= limits.pixelsMax / max(1, header.height)
        else {
            throw .tooManyPixels(
                width: header.width, height: header.height, pixelsMax: limits.pixelsMax,
                sideMax: limits.sideMax)
        }
        let count = header.width * header.height * header.channels
        var failure: ImageError?
        let samples = [UInt8](unsafeUninitializedCapacity: count) { output, initialised in
            output.initialize(repeating: 0)
            initialised = count
            do throws(ImageError) {
                _ = try run(bytes, format, decoder, output.baseAddress, count)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return try Image(
            width: header.width, height: header.height, channels: header.channels, samples: samples)
    }

    private static func run(
        _ bytes: Span<UInt8>, _ format: ImageFormat, _ decoder: Decoder,
        _ output: UnsafeMutablePointer<UInt8>?, _ capacity: Int
    ) throws(ImageError) -> Outcome {
        let outcome = bytes.withUnsafeBufferPointer { buffer -> Outcome? in
            buffer.baseAddress.map { decoder($0, buffer.count, output, capacity) }
        }
        guard let outcome else { throw .undecodable(format, "there are no bytes") }
        if let failure = outcome.failure { throw .undecodable(format, failure) }
        return outcome
    }

    /// The text of a C character array held in a tuple.
    private static func text<Characters>(of message: Characters) -> String {
        withUnsafeBytes(of: message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
