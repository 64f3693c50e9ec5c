/// What ties the log lines of one request together: taken over from the client when well-formed, else made.
package struct RequestID: Sendable, Hashable {
    /// Longest identifier taken over. **Units**: bytes.
    package static let bytesMax = 128

    private enum Form: Hashable {
        case made(UInt64, UInt64)
        case given([UInt8])
    }

    private let form: Form

    /// A new one: a random half drawn once per maker and a counter, so it costs neither a lock nor a system call.
    init(prefix: UInt64, counter: UInt64) { form = .made(prefix, counter) }

    /// The client's own, or nil when it is empty, longer than `bytesMax`, or holds anything but letters,
    /// digits, `-`, `_`, `.`: what ends up in logs and headers must not need escaping anywhere.
    init?(given bytes: UnsafeBufferPointer<UInt8>) {
        guard (1...Self.bytesMax).contains(bytes.count) else { return nil }
        let isSafe = bytes.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
            default: false
            }
        }
        guard isSafe else { return nil }
        form = .given(Array(bytes))
    }

    /// Appends its characters.
    package func append(to output: inout [UInt8]) {
        switch form {
        case .given(let bytes): output.append(contentsOf: bytes)
        case .made(let high, let low):
            Self.appendHex(high, to: &output)
            Self.appendHex(low, to: &output)
        }
    }

    /// Its characters.
    package var text: String {
        switch form {
        case .given(let bytes): String(decoding: bytes, as: UTF8.self)
        case .made(let high, let low):
            String(unsafeUninitializedCapacity: 32) { text in
                withUnsafeBytes(of: (Self.hex(high), Self.hex(low))) { text.initialize(fromContentsOf: $0) }
            }
        }
    }

    private static func appendHex(_ value: UInt64, to output: inout [UInt8]) {
        withUnsafeBytes(of: hex(value)) { output.append(contentsOf: $0) }
    }

    /// The sixteen digits of a number in memory order: each half's nibbles are spread to bytes, then all become digits at once.
    private static func hex(_ value: UInt64) -> (UInt64, UInt64) {
        (digits(value >> 32), digits(value & 0xFFFF_FFFF))
    }

    /// Eight digits of a number of 32 bits, the first in the lowest byte.
    private static func digits(_ value: UInt64) -> UInt64 {
        var bytes = value
        bytes = (bytes | bytes << 16) & 0x0000_FFFF_0000_FFFF
        bytes = (bytes | bytes << 8) & 0x00FF_00FF_00FF_00FF
        bytes = (bytes | bytes << 4) & 0x0F0F_0F0F_0F0F_0F0F
        // A nibble above 9 carries into its high half when 6 is added.
        let letters = (bytes &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        let text = bytes &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
        return text.byteSwapped
    }
}

extension RequestID: CustomStringConvertible {
    /// Its characters.
    package var description: String { text }
}
