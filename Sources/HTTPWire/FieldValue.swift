/// Checks on the bytes of a field value (RFC 9110 §5.5): HTAB, SP, VCHAR and obs-text only.
enum FieldValue {
    /// Whether `count` bytes at `base` hold no control character but HTAB.
    @inline(__always)
    static func isValid(_ base: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        let raw = UnsafeRawPointer(base)
        guard count >= 8 else { return isShortValid(raw, count) || isValidBytewise(base, count) }
        var index = 0
        while index < count {
            // The last word overlaps the one before it.
            let place = min(index, count &- 8)
            let word = raw.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            if mayHoldControl(word), !isValidBytewise(base + place, 8) { return false }
            index &+= 8
        }
        return true
    }

    /// Whether a byte of `word` may be a control character: true for HTAB too, and sometimes beside one.
    @inline(__always)
    private static func mayHoldControl(_ word: UInt64) -> Bool {
        // Bytes below 0x20 borrow into their top bit; 0x7F becomes zero under the exclusive or.
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        let below = (word &- ones &* 0x20) & ~word
        let deletes = word ^ (ones &* 0x7F)
        let delete = (deletes &- ones) & ~deletes
        return (below | delete) & tops != 0
    }

    /// The same for up to seven bytes, read as two overlapping words; false when in doubt.
    @inline(__always)
    private static func isShortValid(_ raw: UnsafeRawPointer, _ count: Int) -> Bool {
        guard count >= 4 else { return count == 0 }
        let low = UInt64(raw.loadUnaligned(as: UInt32.self))
        let high = UInt64(raw.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self))
        return !mayHoldControl(low | high << 32)
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
