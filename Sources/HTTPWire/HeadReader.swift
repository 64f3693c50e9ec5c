import Glibc

/// Reads CRLF lines and fields out of a buffer that grows at its end, remembering how far it has searched.
///
/// Positions are offsets from the front of the fed bytes; nothing is consumed until the section is complete.
struct HeadReader: Sendable {
    /// Fields found so far; their arena is filled by `finish`.
    var fields = HeaderList()
    /// Where the current line begins.
    var lineStart = 0
    /// Up to where no LF was found.
    var searched = 0
    /// Where the field section begins.
    var sectionStart = 0

    /// Starts a new section, keeping memory.
    mutating func reset() {
        fields.forgetEntries()
        lineStart = 0
        searched = 0
        sectionStart = 0
    }

    /// The end of the next line, its CRLF left out, or −1 while the line is incomplete.
    ///
    /// **Throws** `tooLong` once no LF lies within the first `endMax` bytes, whether or not it arrived later,
    /// so that the outcome does not depend on how the bytes were split.
    @inline(__always)
    mutating func nextLineEnd(
        _ base: UnsafePointer<UInt8>, _ count: Int, endMax: Int, tooLong: FramingError
    ) throws(FramingError) -> Int {
        let limit = count < endMax ? count : endMax
        let found = searched < limit ? memchr(base + searched, 0x0A, limit &- searched) : nil
        guard let found else {
            searched = limit
            if count >= endMax { throw tooLong }
            return -1
        }
        let end = base.distance(to: UnsafePointer(found.assumingMemoryBound(to: UInt8.self)))
        guard end > lineStart, base[end &- 1] == Bytes.carriageReturn else { throw .bareLineFeed }
        searched = end &+ 1
        return end &- 1
    }

    /// Records the field on the line up to `end`; returns where its parts lie.
    @inline(__always)
    mutating func readField(
        _ base: UnsafePointer<UInt8>, to end: Int, countMax: Int, tooMany: FramingError
    ) throws(FramingError) -> HeaderList.Entry {
        let start = lineStart
        let line = base + start
        let nameLength = Bytes.tokenLength(line, end &- start)
        guard nameLength > 0, start &+ nameLength < end, line[nameLength] == Bytes.colon else {
            throw Self.nameError(line, end &- start, nameLength)
        }
        var valueStart = start &+ nameLength &+ 1
        var valueEnd = end
        while valueStart < valueEnd, Bytes.isWhitespace(base[valueStart]) { valueStart &+= 1 }
        while valueEnd > valueStart, Bytes.isWhitespace(base[valueEnd &- 1]) { valueEnd &-= 1 }
        guard FieldValue.isValid(base + valueStart, valueEnd &- valueStart) else {
            throw Self.valueError(base + valueStart, valueEnd &- valueStart)
        }
        guard fields.entries.count < countMax else { throw tooMany }
        let entry = HeaderList.Entry(
            nameStart: start &- sectionStart, nameLength: nameLength,
            valueStart: valueStart &- sectionStart, valueLength: valueEnd &- valueStart)
        fields.entries.append(entry)
        lineStart = end &+ 2
        return entry
    }

    /// Copies the section's bytes into the arena in one go; the recorded ranges already point there.
    mutating func finish(_ base: UnsafePointer<UInt8>, to end: Int) {
        fields.replaceArena(UnsafeBufferPointer(start: base + sectionStart, count: end &- sectionStart))
    }

    private static func nameError(
        _ line: UnsafePointer<UInt8>, _ count: Int, _ nameLength: Int
    ) -> FramingError {
        guard nameLength < count else { return .missingColon }
        let next = line[nameLength]
        if nameLength == 0 {
            if Bytes.isWhitespace(next) { return .foldedLine }
            return next == Bytes.colon ? .emptyFieldName : .malformedFieldName
        }
        return Bytes.isWhitespace(next) ? .spaceBeforeColon : .malformedFieldName
    }

    private static func valueError(_ value: UnsafePointer<UInt8>, _ count: Int) -> FramingError {
        UnsafeBufferPointer(start: value, count: count).contains(Bytes.carriageReturn)
            ? .bareCarriageReturn : .controlCharacter
    }
}
