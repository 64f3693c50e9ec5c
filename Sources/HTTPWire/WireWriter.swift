/// Writes messages into a caller's byte buffer, framing made here and nowhere else.
///
/// Framing fields in a head's list are left out and written anew from the `framing` given, so that a message's
/// length can never be said twice. A `HeaderList` cannot hold CR, LF or NUL, nor can a method or target.
package enum WireWriter {
    /// Appends a request head in HTTP/1.1, with the target in origin form.
    package static func append(_ head: RequestHead, framing: BodyFraming, to output: inout [UInt8]) {
        appendMethod(head.method, to: &output)
        if head.method == .options, head.target.form == .absolute, head.target.hasNoPath {
            // The last proxy of the chain turns `OPTIONS http://host` into `OPTIONS *` (RFC 9112 §3.2.4).
            output.append(0x2A)
        } else {
            head.target.appendOriginForm(to: &output)
        }
        appendLiteral(" HTTP/1.1\r\n", to: &output)
        appendFields(head.fields, framing: framing, to: &output)
    }

    private static func appendMethod(_ method: Method, to output: inout [UInt8]) {
        switch method {
        case .get: appendLiteral("GET ", to: &output)
        case .post: appendLiteral("POST ", to: &output)
        default:
            output.append(contentsOf: method.name.utf8)
            output.append(Bytes.space)
        }
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
        appendLines(trailers, withoutLength: true, to: &output)
        appendLiteral("\r\n", to: &output)
    }

    private static func appendFields(_ fields: HeaderList, framing: BodyFraming, to output: inout [UInt8]) {
        appendLines(fields, withoutLength: framing != .none, to: &output)
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

    /// Appends the fields but Transfer-Encoding, and but Content-Length when it is written anew.
    ///
    /// Neighbours that lie in the arena just as they go out are copied as one run: a head that is forwarded with
    /// few changes costs a few copies, whatever the number of its fields.
    private static func appendLines(_ fields: HeaderList, withoutLength: Bool, to output: inout [UInt8]) {
        fields.arena.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            var run = 0..<0
            for entry in fields.entries where !isFraming(base, entry, withoutLength) {
                let start = Int(entry.nameStart)
                let end = Int(entry.valueStart) &+ Int(entry.valueLength)
                let isVerbatim = isLine(base, bytes.count, entry, end)
                if isVerbatim, run.upperBound == start {
                    run = run.lowerBound..<(end &+ 2)
                    continue
                }
                append(base, run, to: &output)
                run = isVerbatim ? start..<(end &+ 2) : 0..<0
                if !isVerbatim { appendField(base, entry, to: &output) }
            }
            append(base, run, to: &output)
        }
    }

    /// Whether the field lies in the arena as `name: value CRLF`.
    @inline(__always)
    static func isLine(
        _ base: UnsafePointer<UInt8>, _ count: Int, _ entry: HeaderList.Entry, _ end: Int
    ) -> Bool {
        let colon = Int(entry.nameStart) &+ Int(entry.nameLength)
        return Int(entry.valueStart) == colon &+ 2 && end &+ 2 <= count
            && base[colon] == Bytes.colon && base[colon &+ 1] == Bytes.space
            && base[end] == Bytes.carriageReturn && base[end &+ 1] == Bytes.lineFeed
    }

    @inline(__always)
    private static func isFraming(
        _ base: UnsafePointer<UInt8>, _ entry: HeaderList.Entry, _ withoutLength: Bool
    ) -> Bool {
        switch entry.nameLength {
        case 14: withoutLength && Bytes.isLiteral(base + Int(entry.nameStart), "content-length")
        case 17: Bytes.isLiteral(base + Int(entry.nameStart), "transfer-encoding")
        default: false
        }
    }

    private static func append(_ base: UnsafePointer<UInt8>, _ range: Range<Int>, to output: inout [UInt8]) {
        guard !range.isEmpty else { return }
        output.append(contentsOf: UnsafeBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    static func appendField(
        _ base: UnsafePointer<UInt8>, _ entry: HeaderList.Entry, to output: inout [UInt8]
    ) {
        append(base, Int(entry.nameStart)..<Int(entry.nameStart) + Int(entry.nameLength), to: &output)
        appendLiteral(": ", to: &output)
        append(base, Int(entry.valueStart)..<Int(entry.valueStart) + Int(entry.valueLength), to: &output)
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
