import Buffers

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
    package func append(to output: inout ByteBuffer) {
        switch form {
        case .given(let bytes): output.append(bytes)
        case .made(let high, let low):
            output.append(hex: high)
            output.append(hex: low)
        }
    }

    /// The number that its characters are in 32 hexadecimal digits, as two halves; nil for one that a client has given.
    package var halves: (high: UInt64, low: UInt64)? {
        guard case .made(let high, let low) = form else { return nil }
        return (high, low)
    }

    /// Its characters.
    package var text: String {
        var text = ByteBuffer(capacity: 32)
        append(to: &text)
        return text.withBytes { String(decoding: $0, as: UTF8.self) }
    }
}

extension RequestID: CustomStringConvertible {
    /// Its characters.
    package var description: String { text }
}
