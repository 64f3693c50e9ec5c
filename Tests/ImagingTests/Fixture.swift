import Foundation

@testable import Imaging

/// Pictures of an independent encoder with the samples they must decode to.
enum Fixture {
    struct Missing: Error { let name: String }

    static func bytes(_ name: String) throws -> [UInt8] {
        guard let url = Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Fixtures")
        else {
            throw Missing(name: name)
        }
        return [UInt8](try Data(contentsOf: url))
    }

    static func expected(_ name: String) throws -> Image {
        let raw = try bytes(name + ".raw")
        return try Image(
            width: Int(raw[0]), height: Int(raw[1]), channels: Int(raw[2]), samples: Array(raw[3...]))
    }

    /// Every colour type with every depth the standard allows it.
    static let pngNames: [String] = {
        let depths: [(Int, [Int])] = [
            (0, [1, 2, 4, 8, 16]), (2, [8, 16]), (3, [1, 2, 4, 8]), (4, [8, 16]), (6, [8, 16]),
        ]
        let plain = depths.flatMap { type, depths in depths.map { "png-\(type)-\($0)" } }
        return plain.flatMap { ["\($0).png", "\($0)-adam7.png"] }
            + ["png-palette-alpha.png", "png-grey-key.png", "png-gamma.png"]
    }()

    static let jpegNames = [
        "jpeg-444.jpg", "jpeg-420.jpg", "jpeg-progressive.jpg", "jpeg-grey.jpg", "jpeg-restart.jpg",
        "jpeg-cmyk.jpg",
    ]
}

/// Decodes an array: a span made inside an expectation's autoclosure makes the compiler emit broken code.
func decode(
    _ bytes: [UInt8], as format: ImageFormat? = nil, limits: ImageLimits = ImageLimits()
) throws(ImageError) -> Image {
    let span = bytes.span
    return switch format {
    case nil: try Image.decode(span, limits: limits)
    case .png: try Image.decodePNG(span, limits: limits)
    case .jpeg: try Image.decodeJPEG(span, limits: limits)
    }
}
