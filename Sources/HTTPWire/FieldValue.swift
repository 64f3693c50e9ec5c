/// Checks on the bytes of a field value (RFC 9110 §5.5): HTAB, SP, VCHAR and obs-text only.
enum FieldValue {
    /// Whether `count` bytes at `base` hold no control character but HTAB.
    @inline(__always)
    static func isValid(_ base: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        var index = 0
        let raw = UnsafeRawPointer(base)
        while index &+ 8 <= count {
            let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            // Bytes below 0x20 borrow into their top bit; 0x7F becomes zero under the exclusive or.
            let ones: UInt64 = 0x0101_0101_0101_0101
            let tops: UInt64 = 0x8080_8080_8080_8080
            let below = (word &- ones &* 0x20) & ~word
            let deletes = word ^ (ones &* 0x7F)
            let delete = (deletes &- ones) & ~deletes
            if (below | delete) & tops != 0, !isValidBytewise(base + index, 8) { return false }
            index &+= 8
        }
        return isValidBytewise(base + index, count &- index)
    }

    /// The same byte by byte: the tail, and words in which a HTAB set off the alarm.
    private static func isValidBytewise(_ base: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        for index in 0..<count {
            let byte = base[index]
            if (byte < 0x20 && byte != Bytes.tab) || byte == 0x7F { return false }
        }
        return true
    }

    /// The range of `bytes` without white space at its ends; nil when a control character is inside.
    static func trimmedRange(_ bytes: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        guard let base = bytes.baseAddress else { return 0..<0 }
        guard isValid(base, bytes.count) else { return nil }
        var start = 0
        var end = bytes.count
        while start < end, Bytes.isWhitespace(base[start]) { start += 1 }
        while end > start, Bytes.isWhitespace(base[end - 1]) { end -= 1 }
        return start..<end
    }
}
