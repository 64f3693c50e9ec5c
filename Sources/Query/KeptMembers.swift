/// The members of an object, or the elements of a list, while they are read: which are kept when an answer changes.
struct KeptMembers {
    private let start: Int
    /// Where the member before has ended.
    private var last: Int
    private var count = 0
    /// The bytes of the kept ones, each with the comma and blanks before it.
    private var kept: [Range<Int>] = []
    /// Where the first kept one begins, past its comma and blanks.
    private var first = 0

    /// An object or a list whose bracket was taken by `scanner`.
    init(_ scanner: JSONScanner<AnswerError>) {
        start = scanner.position
        last = start
    }

    /// A member has ended at `scanner`.
    mutating func passed(_ scanner: JSONScanner<AnswerError>, isKept: Bool) {
        if isKept {
            if kept.isEmpty {
                first = last
                while Self.separators.contains(scanner.base[first]) { first += 1 }
            }
            kept.append(last..<scanner.position)
        }
        last = scanner.position
        count += 1
    }

    /// The bytes to leave out so that the kept ones stand alone, once the closing bracket was taken by `scanner`.
    func omissions(_ scanner: JSONScanner<AnswerError>) -> [Range<Int>] {
        guard kept.count < count else { return [] }
        var omissions: [Range<Int>] = []
        var copied = start
        for (index, member) in kept.enumerated() {
            omissions.append(copied..<(index == 0 ? first : member.lowerBound))
            copied = member.upperBound
        }
        omissions.append(copied..<scanner.position - 1)
        return omissions.filter { !$0.isEmpty }
    }

    /// Space, tab, line feed, carriage return, comma.
    private static let separators: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D, 0x2C]
}
