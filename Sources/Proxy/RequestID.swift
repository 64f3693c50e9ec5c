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
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func appendHex(_ value: UInt64, to output: inout [UInt8]) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 15
            output.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
    }
}

extension RequestID: CustomStringConvertible {
    /// Its characters.
    package var description: String { text }
}
