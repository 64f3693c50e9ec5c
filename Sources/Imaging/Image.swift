/// A picture of 8-bit samples.
///
/// **Shapes** `samples` (height, width, channels), row-major; 1 channel is grey, 3 RGB, 4 RGB and alpha (not
/// premultiplied). Samples are as stored in the file: no gamma or colour profile is applied, as in training data.
package struct Image: Sendable, Equatable {
    /// Pixels in a row, at least 1.
    package let width: Int
    /// Rows, at least 1.
    package let height: Int
    /// Samples of a pixel: 1, 3 or 4.
    package let channels: Int
    /// All samples.
    package let samples: [UInt8]

    /// A picture of these samples.
    /// **Throws** `ImageError.malformedShape` unless there are exactly width × height × channels of them.
    package init(width: Int, height: Int, channels: Int, samples: [UInt8]) throws(ImageError) {
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        guard width > 0, height > 0, !overflow, [1, 3, 4].contains(channels),
            samples.count.isMultiple(of: channels), samples.count / channels == pixels
        else {
            throw .malformedShape(width: width, height: height, channels: channels, samples: samples.count)
        }
        self.init(unchecked: samples, width: width, height: height, channels: channels)
    }

    init(unchecked samples: [UInt8], width: Int, height: Int, channels: Int) {
        self.width = width
        self.height = height
        self.channels = channels
        self.samples = samples
    }
}

/// The bounds on what a picture may cost before any of it is decoded.
package struct ImageLimits: Sendable, Equatable {
    /// Most bytes of an encoded picture.
    package var encodedBytesMax: Int
    /// Most pixels of a picture.
    package var pixelsMax: Int
    /// Most pixels in a row or a column.
    package var sideMax: Int

    /// The defaults admit a 16-megapixel photograph in 32 MiB.
    package init(encodedBytesMax: Int = 32 << 20, pixelsMax: Int = 16 << 20, sideMax: Int = 1 << 14) {
        self.encodedBytesMax = encodedBytesMax
        self.pixelsMax = pixelsMax
        self.sideMax = sideMax
    }
}

/// Why a picture was refused.
package enum ImageError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Neither a PNG nor a JPEG by its first bytes.
    case unknownFormat
    /// More bytes than allowed.
    case tooManyBytes(Int, max: Int)
    /// More pixels than allowed.
    case tooManyPixels(width: Int, height: Int, pixelsMax: Int, sideMax: Int)
    /// Corrupt, truncated or of a kind the library does not know; with the library's words.
    case undecodable(ImageFormat, String)
    /// The samples do not fill the shape.
    case malformedShape(width: Int, height: Int, channels: Int, samples: Int)
    /// The picture could not be encoded.
    case unencodable

    /// One sentence for the log.
    package var description: String {
        switch self {
        case .unknownFormat: "The bytes are neither a PNG nor a JPEG picture"
        case .tooManyBytes(let count, let max): "The picture has \(count) bytes; \(max) are allowed"
        case .tooManyPixels(let width, let height, let pixelsMax, let sideMax):
            "The picture is \(width)×\(height); at most \(pixelsMax) pixels and sides of \(sideMax) are allowed"
        case .undecodable(let format, let reason):
            "The \(format.rawValue) picture cannot be decoded: \(reason)"
        case .malformedShape(let width, let height, let channels, let samples):
            "\(samples) samples do not make a picture of \(width)×\(height)×\(channels)"
        case .unencodable: "The picture cannot be encoded as PNG"
        }
    }
}

/// The encodings understood.
package enum ImageFormat: String, Sendable, CaseIterable {
    case png = "PNG"
    case jpeg = "JPEG"

    /// The format whose signature the bytes begin with; nil when none does. Names and media types are not believed.
    package init?(signatureOf bytes: Span<UInt8>) {
        func begins(_ signature: [UInt8]) -> Bool {
            bytes.count >= signature.count && signature.indices.allSatisfy { bytes[$0] == signature[$0] }
        }
        if begins([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if begins([0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else {
            return nil
        }
    }
}
