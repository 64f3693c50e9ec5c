extension AccessRecord {
    /// The record's line in the combined format, newline included:
    /// `address - user [time] "request" status bytes "referrer" "user agent"`.
    ///
    /// What a client has written is escaped as nginx does it: quote, backslash, controls and whatever is not ASCII as `\\xHH`,
    /// so that no client can end its field or line. What is missing is a hyphen. The time is when the request began, in UTC.
    ///
    /// **Source** Apache's `"%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-agent}i\\""`, but for a body of no bytes, which is 0.
    package func combinedLine() -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        line.append(contentsOf: (address ?? client).utf8)
        line.append(contentsOf: " - ".utf8)
        // A user's name stands without quotes: a blank in it would shift the fields behind.
        let user = address == nil || client.isEmpty ? nil : client
        append(user?.utf8, escapingBlanks: true, to: &line)
        line.append(contentsOf: " [".utf8)
        time.appendCombined(to: &line)
        line.append(contentsOf: "] \"".utf8)
        append(requestLine, to: &line)
        line.append(contentsOf: "\" ".utf8)
        // nginx has 000 for a connection that ended before an answer.
        line.append(contentsOf: (status.map { String($0) } ?? "000").utf8)
        line.append(UInt8(ascii: " "))
        line.append(contentsOf: String(answerBytes).utf8)
        line.append(contentsOf: " \"".utf8)
        append(referrer?.utf8, to: &line)
        line.append(contentsOf: "\" \"".utf8)
        append(userAgent?.utf8, to: &line)
        line.append(contentsOf: "\"\n".utf8)
        return line
    }

    private var requestLine: [UInt8]? {
        startLine ?? (method.isEmpty ? nil : Array("\(method) \(path) \(version)".utf8))
    }

    private func append(
        _ text: (some Collection<UInt8>)?, escapingBlanks: Bool = false, to line: inout [UInt8]
    ) {
        guard let text else { return line.append(UInt8(ascii: "-")) }
        let hex = Array("0123456789ABCDEF".utf8)
        for byte in text {
            switch byte {
            case 0x22, 0x5C, 0..<0x20, 0x7F...: break
            case 0x20 where escapingBlanks: break
            default:
                line.append(byte)
                continue
            }
            line.append(contentsOf: [
                UInt8(ascii: "\\"), UInt8(ascii: "x"), hex[Int(byte >> 4)], hex[Int(byte & 15)],
            ])
        }
    }
}
