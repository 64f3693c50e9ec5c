import Buffers

extension AccessRecord {
    /// Appends the record's line in the combined format, newline included:
    /// `address - user [time] "request" status bytes "referrer" "user agent"`.
    ///
    /// What a client has written is escaped as nginx does it: quote, backslash, controls and whatever is not ASCII as `\\xHH`,
    /// so that no client can end its field or line. What is missing is a hyphen. The time is when the request began, in UTC.
    ///
    /// **Source** Apache's `"%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-agent}i\\""`, but for a body of no bytes, which is 0.
    package func appendCombined(to line: inout ByteBuffer) {
        (address ?? client).withBytes { line.append($0) }
        line.append(" - ")
        // A user's name stands without quotes: a blank in it would shift the fields behind.
        let user = address == nil || client.isEmpty ? nil : client
        append(user, escapingBlanks: true, to: &line)
        line.append(" [")
        time.appendCombined(to: &line)
        line.append("] \"")
        appendRequestLine(to: &line)
        line.append("\" ")
        // nginx has 000 for a connection that ended before an answer.
        if let status { line.append(decimal: status) } else { line.append("000") }
        line.append(UInt8(ascii: " "))
        line.append(decimal: Int(answerBytes))
        line.append(" \"")
        append(referrer, to: &line)
        line.append("\" \"")
        append(userAgent, to: &line)
        line.append("\"\n")
    }

    private func appendRequestLine(to line: inout ByteBuffer) {
        if let startLine = rare?.startLine {
            return startLine.withUnsafeBufferPointer { append($0, to: &line) }
        }
        guard !method.isEmpty else { return append(nil, to: &line) }
        append(method, to: &line)
        line.append(UInt8(ascii: " "))
        append(path, to: &line)
        line.append(UInt8(ascii: " "))
        append(version, to: &line)
    }

    private func append(_ text: LogText?, escapingBlanks: Bool = false, to line: inout ByteBuffer) {
        guard let text else { return line.append(UInt8(ascii: "-")) }
        text.withBytes { append($0, escapingBlanks: escapingBlanks, to: &line) }
    }

    private func append(
        _ text: UnsafeBufferPointer<UInt8>, escapingBlanks: Bool = false, to line: inout ByteBuffer
    ) {
        if PlainText.isPlain(text), !escapingBlanks || !text.contains(0x20) { return line.append(text) }
        func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x37 + value }
        for byte in text {
            switch byte {
            case 0x22, 0x5C, 0..<0x20, 0x7F...: break
            case 0x20 where escapingBlanks: break
            default:
                line.append(byte)
                continue
            }
            line.append("\\x")
            line.append(digit(byte >> 4))
            line.append(digit(byte & 15))
        }
    }
}
