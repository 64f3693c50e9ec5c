import Foundation
import Testing

@testable import Coding

/// What Python's zlib and gzip wrote (Fixtures/make.py).
enum Fixture {
    static func bytes(_ name: String) throws -> [UInt8] {
        let url = try #require(
            Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Fixtures"))
        return [UInt8](try Data(contentsOf: url))
    }

    static let plain = Result { try bytes("plain") }

    /// Every coded form of `plain`.
    static let gzip = [
        "level1.gzip", "level9.gzip", "stored.gzip", "fixed.gzip", "huffman.gzip", "library.gzip",
        "members.gzip",
        "header.gzip", "flushed.gzip",
    ]
    static let deflate = ["zlib.deflate", "window9.deflate", "raw.deflate", "raw-stored.deflate"]

    static func coding(of name: String) -> ContentCoding { name.hasSuffix(".gzip") ? .gzip : .deflate }
}

extension DecodingLimits {
    /// Bounds that no fixture meets.
    static let ample: DecodingLimits = {
        var limits = DecodingLimits(bytesMax: 64 << 20, ratioMax: 1032)
        limits.membersMax = 64
        return limits
    }()
}

/// What came of some coded bytes: all plain ones that came before the end, and what the end was.
struct Outcome: Equatable {
    var plain: [UInt8] = []
    var error: CodingError?
}

/// Feeds an inflater in pieces of a size.
func inflate(
    _ body: [UInt8], _ coding: ContentCoding, pieces size: Int, limits: DecodingLimits = .ample
) -> Outcome {
    let inflater = Inflater(coding, limits: limits)
    var outcome = Outcome()
    do throws(CodingError) {
        var start = 0
        while start < body.count {
            let end = min(body.count, start + size)
            try Array(body[start..<end]).span.withUnsafeBytes { bytes throws(CodingError) in
                try inflater.inflate(bytes) { outcome.plain.append(contentsOf: $0) }
            }
            start = end
        }
        try inflater.finish()
    } catch {
        outcome.error = error
    }
    return outcome
}
