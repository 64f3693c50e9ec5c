/// A decision's reason without what differs from one query to the next: places in bodies, numbers of rows, sums, and the names
/// that clients and victims choose. What tells the mistakes apart stays: shapes, statuses, and names that have digits.
struct FoldedReason {
    /// The folded text.
    var text: String { String(decoding: folded, as: UTF8.self) }

    private let bytes: [UInt8]
    private var place = 0
    private var folded: [UInt8] = []

    /// What is longer is cut: a forged log must not make tables wide. **Units** bytes.
    private static let bytesMax = 240

    /// `reason` folded.
    init(_ reason: String) {
        bytes = Array(reason.utf8.prefix(4 * Self.bytesMax))
        while place < bytes.count, folded.count < Self.bytesMax { takeNext() }
        if place < bytes.count || reason.utf8.count > bytes.count { folded += "…".utf8 }
    }

    private mutating func takeNext() {
        let byte = bytes[place]
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): takeNumber()
        case UInt8(ascii: "\""): takeName()
        // One line, and nothing for a terminal to act on.
        case 0..<0x20, 0x7F: take(UInt8(ascii: " "))
        default: take(byte)
        }
    }

    private mutating func take(_ byte: UInt8) {
        folded.append(byte)
        place += 1
    }

    // MARK: Numbers

    private mutating func takeNumber() {
        let start = place
        skipDigits()
        if place == start + 1, place < bytes.count, bytes[place] == UInt8(ascii: "x") {
            // A byte as it stood in a body, such as 0x89.
            place += 1
            while place < bytes.count, Self.isHexDigit(bytes[place]) { place += 1 }
            return folded.append(UInt8(ascii: "N"))
        }
        if place + 1 < bytes.count, bytes[place] == UInt8(ascii: "."), Self.isDigit(bytes[place + 1]) {
            place += 1
            skipDigits()
        }
        if place + 1 < bytes.count, bytes[place] | 0x20 == UInt8(ascii: "e") {
            let hasSign = bytes[place + 1] == UInt8(ascii: "-") || bytes[place + 1] == UInt8(ascii: "+")
            let digits = place + (hasSign ? 2 : 1)
            if digits < bytes.count, Self.isDigit(bytes[digits]) {
                place = digits
                skipDigits()
            }
        }
        if tellsMistakes(start) { folded += bytes[start..<place] } else { folded.append(UInt8(ascii: "N")) }
    }

    private mutating func skipDigits() {
        while place < bytes.count, Self.isDigit(bytes[place]) { place += 1 }
    }

    /// Whether the number that begins at `start` is a size in a shape, a status, or part of a name.
    private func tellsMistakes(_ start: Int) -> Bool {
        if place + 1 < bytes.count, bytes[place] == UInt8(ascii: "-"), Self.isLetter(bytes[place + 1]) {
            return true
        }
        guard let before = folded.last else { return false }
        if Self.isLetter(before) { return true }
        switch before {
        case UInt8(ascii: "["): return place < bytes.count && bytes[place] == UInt8(ascii: "]")
        case UInt8(ascii: "-"), UInt8(ascii: "/"): return folded.dropLast().last.map(Self.isLetter) ?? false
        default: return folded.ends(in: "answered ")
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x61...0x66).contains(byte | 0x20)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (0x61...0x7A).contains(byte | 0x20) || byte >= 0x80
    }

    // MARK: Names

    /// What somebody else has chosen comes behind these.
    private static let nouns = [
        "input ", "inputs ", "output ", "outputs: ", "signature ", "name ", "tensor ",
    ]
    private static let hole = "\"…\""

    private mutating func takeName() {
        let isListed = folded.ends(in: Self.hole + ", ")
        guard isListed || Self.nouns.contains(where: { folded.ends(in: $0) }),
            let end = bytes[(place + 1)...].firstIndex(of: UInt8(ascii: "\""))
        else { return take(UInt8(ascii: "\"")) }
        place = end + 1
        // However many names there are, one stands for them.
        if isListed { folded.removeLast(2) } else { folded += Self.hole.utf8 }
    }
}

extension [UInt8] {
    fileprivate func ends(in text: String) -> Bool {
        count >= text.utf8.count && suffix(text.utf8.count).elementsEqual(text.utf8)
    }
}
