/// The list in `tracestate`: checked and joined, never changed, since the gateway has no entry of its own.
///
/// Source: W3C Trace Context, level 1, §3.3.
enum TraceState {
    /// The most entries of a list (§3.3.1.1).
    static let membersMax = 32
    /// More than this is not passed on; vendors should pass on at least 512 (§3.3.1.5).
    static let bytesMax = 4096

    /// The entries of all `fields` in one value, or nil when any is malformed, comes twice, or there are too many.
    static func joined(_ fields: [String]) -> String? {
        var members: [String] = []
        var keys: Set<[UInt8]> = []
        guard fields.reduce(0, { $0 + $1.utf8.count }) <= bytesMax else { return nil }
        for field in fields {
            for part in Array(field.utf8).split(
                separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            {
                let member = trimmed(part)
                if member.isEmpty { continue }
                guard let key = key(of: member), keys.insert(key).inserted, keys.count <= membersMax else {
                    return nil
                }
                members.append(String(decoding: member, as: UTF8.self))
            }
        }
        return members.joined(separator: ",")
    }

    /// `text` without the white space around it.
    static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text
        while let first = text.first, first == 0x20 || first == 0x09 { text.removeFirst() }
        while let last = text.last, last == 0x20 || last == 0x09 { text.removeLast() }
        return text
    }

    /// The key of a well-formed `key=value`, or nil.
    private static func key(of member: ArraySlice<UInt8>) -> [UInt8]? {
        guard let sign = member.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let key = member[..<sign]
        let value = member[(sign + 1)...]
        guard isKey(key), !value.isEmpty, value.count <= 256 else { return nil }
        // Printable without comma and equals sign; the last is no blank, as trimming has seen to.
        guard value.allSatisfy({ (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "=") }) else { return nil }
        return Array(key)
    }

    /// A simple key, or `tenant@system` (§3.3.1.3.1).
    private static func isKey(_ key: ArraySlice<UInt8>) -> Bool {
        guard let at = key.firstIndex(of: UInt8(ascii: "@")) else {
            return isPart(key, countMax: 256, digitFirst: false)
        }
        return isPart(key[..<at], countMax: 241, digitFirst: true)
            && isPart(key[(at + 1)...], countMax: 14, digitFirst: false)
    }

    private static func isPart(_ part: ArraySlice<UInt8>, countMax: Int, digitFirst: Bool) -> Bool {
        guard let first = part.first, part.count <= countMax else { return false }
        guard isLetter(first) || (digitFirst && isDigit(first)) else { return false }
        return part.allSatisfy { isLetter($0) || isDigit($0) || Array("_-*/".utf8).contains($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }
    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
