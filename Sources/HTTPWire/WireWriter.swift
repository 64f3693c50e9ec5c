/// Writes messages into a caller's byte buffer, framing made here and nowhere else.
///
/// Framing fields in a head's list are left out and written anew from the `framing` given, so that a message's
/// length can never be said twice. A `HeaderList` cannot hold CR, LF or NUL, nor can a method or target.
package enum WireWriter {
    /// Appends a request head in HTTP/1.1, with the target in origin form.
    package static func append(_ head: RequestHead, framing: BodyFraming, to output: inout [UInt8]) {
        output.append(contentsOf: head.method.name.utf8)
        output.append(Bytes.space)
        if head.method == .options, head.target.form == .absolute, head.target.hasNoPath {
            // The last proxy of the chain turns `OPTIONS http://host` into `OPTIONS *` (RFC 9112 §3.2.4).
            output.append(0x2A)
        } else {
            head.target.appendOriginForm(to: &output)
        }
        appendLiteral(" HTTP/1.1\r\n", to: &output)
        appendFields(head.fields, framing: framing, to: &output)
    }

    /// Appends a response head in HTTP/1.1.
    ///
    /// With `.none` no length is written and the list's own Content-Length is kept, which is what answers to HEAD
    /// and 304 want; an empty body of another answer is `.length(0)`.
    package static func append(_ head: ResponseHead, framing: BodyFraming, to output: inout [UInt8]) {
        appendLiteral("HTTP/1.1 ", to: &output)
        appendDecimal(UInt64(clamping: head.status), to: &output)
        output.append(Bytes.space)
        for byte in head.reason where byte >= 0x20 && byte != 0x7F { output.append(byte) }
        appendLiteral("\r\n", to: &output)
        appendFields(head.fields, framing: framing, to: &output)
    }

    /// Appends the size line of a chunk of `count` bytes; the data and `appendChunkEnd` follow it.
    /// A count of zero appends nothing, since that would end the body.
    package static func appendChunkStart(_ count: Int, to output: inout [UInt8]) {
        guard count > 0 else { return }
        var shift = (63 - count.leadingZeroBitCount) / 4 * 4
        while shift >= 0 {
            let digit = UInt8((count >> shift) & 15)
            output.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            shift -= 4
        }
        appendLiteral("\r\n", to: &output)
    }

    /// Appends the CRLF behind a chunk's data.
    package static func appendChunkEnd(to output: inout [UInt8]) {
        appendLiteral("\r\n", to: &output)
    }

    /// Appends the last chunk, the trailer fields and the empty line that ends the message.
    package static func appendLastChunk(trailers: HeaderList = HeaderList(), to output: inout [UInt8]) {
        appendLiteral("0\r\n", to: &output)
        for index in 0..<trailers.count { appendField(trailers, index, to: &output) }
        appendLiteral("\r\n", to: &output)
    }

    private static func appendFields(_ fields: HeaderList, framing: BodyFraming, to output: inout [UInt8]) {
        for index in 0..<fields.count where !isFramingField(fields, index, framing) {
            appendField(fields, index, to: &output)
        }
        switch framing {
        case .length(let length):
            appendLiteral("Content-Length: ", to: &output)
            appendDecimal(length, to: &output)
            appendLiteral("\r\n", to: &output)
        case .chunked: appendLiteral("Transfer-Encoding: chunked\r\n", to: &output)
        case .none, .untilClose, .tunnel: break
        }
        appendLiteral("\r\n", to: &output)
    }

    private static func isFramingField(_ fields: HeaderList, _ index: Int, _ framing: BodyFraming) -> Bool {
        fields.withName(at: index) { name in
            guard let base = name.baseAddress else { return false }
            switch name.count {
            case 14:
                return framing != .none
                    && Bytes.isLiteral(base, "content-length")
            case 17: return Bytes.isLiteral(base, "transfer-encoding")
            default: return false
            }
        }
    }

    private static func appendField(_ fields: HeaderList, _ index: Int, to output: inout [UInt8]) {
        fields.withName(at: index) { output.append(contentsOf: $0) }
        appendLiteral(": ", to: &output)
        fields.withValue(at: index) { output.append(contentsOf: $0) }
        appendLiteral("\r\n", to: &output)
    }

    static func appendLiteral(_ text: StaticString, to output: inout [UInt8]) {
        output.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    static func appendDecimal(_ value: UInt64, to output: inout [UInt8]) {
        var divisor: UInt64 = 1
        while value / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            output.append(0x30 + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }
}
