import Buffers

/// A text of a log's record, lent from where it lies for as long as the record is being written: a string of its own for
/// each would cost more than the line.
package enum LogText {
    /// Bytes of somebody else's, of which those that are no UTF-8 are replaced.
    case bytes(UnsafeBufferPointer<UInt8>)
    /// A number of 128 bits in 32 hexadecimal digits, as its two halves.
    case hex(UInt64, UInt64)

    /// Whether it holds nothing.
    var isEmpty: Bool { if case .bytes(let bytes) = self { bytes.isEmpty } else { false } }

    /// Calls `body` with its bytes.
    func withBytes(_ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        switch self {
        case .bytes(let bytes): body(bytes)
        case .hex(let high, let low):
            var digits = ByteBuffer(capacity: 32)
            digits.append(hex: high)
            digits.append(hex: low)
            digits.withBytes { body($0.assumingMemoryBound(to: UInt8.self)) }
        }
    }

    /// Lends a text to `body`, or nothing.
    package static func lend(_ text: String?, _ body: (LogText?) -> Void) {
        guard var text else { return body(nil) }
        text.withUTF8 { body(.bytes($0)) }
    }
}

extension LogText: ExpressibleByStringLiteral {
    /// Text known at compile time.
    package init(stringLiteral text: StaticString) {
        self = .bytes(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
