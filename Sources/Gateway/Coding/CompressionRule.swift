import Coding
import HTTPWire
import Settings

/// Which answers of a route are compressed, and how hard.
struct CompressionRule: Sendable {
    private let types: [MediaRange]
    private let bytesMin: Int
    let level: Int

    /// Nil when nothing is compressed.
    init?(_ settings: CompressSettings?) {
        guard let settings, settings.isEnabled else { return nil }
        types = settings.types
        bytesMin = settings.bytesMin
        level = settings.level
    }

    /// Whether an answer with this head is one to compress for clients that accept it; `count` is how long its body is where
    /// that is known.
    ///
    /// Left alone are answers without a body or with a part of one (RFC 9110 §15.3.5–7, §15.4.5), answers coded already,
    /// and those of which the upstream says that nobody may change them (RFC 9111 §5.2.2.6).
    func covers(status: Int, _ fields: HeaderList, count: Int?) -> Bool {
        guard status >= 200, ![204, 205, 206, 226, 304].contains(status), (count ?? .max) >= bytesMin else {
            return false
        }
        return !fields.contains("content-encoding") && !fields.contains("content-range")
            && !fields.forbidsTransformation && coversType(fields)
    }

    private func coversType(_ fields: HeaderList) -> Bool {
        guard let index = fields.firstIndex(of: "content-type") else { return false }
        return fields.withValue(at: index) { value in
            let media = value.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 && $0 != 0x09 }
            return types.contains { $0.covers(media) }
        }
    }
}

extension MediaRange {
    /// Whether it covers the media type that these bytes name.
    fileprivate func covers(_ media: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        let name = type.utf8.count
        guard media.count > name, media[media.startIndex + name] == UInt8(ascii: "/"),
            media.prefix(name).elementsEqual(type.utf8, by: Self.isSame)
        else { return false }
        guard let subtype else { return true }
        return media.dropFirst(name + 1).elementsEqual(subtype.utf8, by: Self.isSame)
    }

    private static func isSame(_ byte: UInt8, _ lower: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) ? byte | 0x20 == lower : byte == lower
    }
}
