import Buffers
import HTTPWire

extension ByteBuffer {
    /// Appends the fields that give a message its framing.
    mutating func append(framing: BodyFraming) {
        switch framing {
        case .length(let count):
            append("Content-Length: ")
            append(decimal: count)
            append("\r\n")
        case .chunked: append("Transfer-Encoding: chunked\r\n")
        case .none, .untilClose, .tunnel: break
        }
    }
}

extension [UInt8] {
    /// Appends ASCII known at compile time.
    @inline(__always)
    mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
