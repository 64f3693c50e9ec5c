import HTTPWire

extension [UInt8] {
    /// Appends ASCII known at compile time.
    @inline(__always)
    mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends the decimal digits of a count.
    mutating func append(decimal value: Int) {
        var divisor = 1
        while value / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            append(0x30 + UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
    }

    /// Appends one field as it is.
    mutating func append(field index: Int, of fields: HeaderList) {
        fields.appendLine(at: index, to: &self)
    }

    /// Appends the fields that give a message its framing.
    mutating func append(framing: BodyFraming) {
        switch framing {
        case .length(let count):
            append("Content-Length: ")
            append(decimal: Int(clamping: count))
            append("\r\n")
        case .chunked: append("Transfer-Encoding: chunked\r\n")
        case .none, .untilClose, .tunnel: break
        }
    }
}
