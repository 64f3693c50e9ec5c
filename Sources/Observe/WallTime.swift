import Buffers
import Foundation

/// A moment of civil time, whole milliseconds since 1970 in UTC without leap seconds.
package struct WallTime: Sendable, Hashable, Comparable {
    /// **Units** milliseconds since 1970-01-01T00:00:00Z.
    package var milliseconds: Int64

    /// The moment so many milliseconds after 1970 began.
    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// Whether the left moment comes first.
    package static func < (left: WallTime, right: WallTime) -> Bool {
        left.milliseconds < right.milliseconds
    }

    /// The moment a duration later.
    package static func + (left: WallTime, right: Duration) -> WallTime {
        WallTime(milliseconds: left.milliseconds &+ right.wholeMilliseconds)
    }

    /// How long after `right` the left moment is.
    package static func - (left: WallTime, right: WallTime) -> Duration {
        .milliseconds(left.milliseconds &- right.milliseconds)
    }

    /// The moment so many nanoseconds before, to the millisecond.
    package func earlier(byNanoseconds count: UInt64) -> WallTime {
        WallTime(milliseconds: milliseconds &- Int64(clamping: count / 1_000_000))
    }

    /// The machine's clock.
    package static func now() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

extension Duration {
    /// The duration in milliseconds, rounded toward zero.
    var wholeMilliseconds: Int64 {
        components.seconds &* 1_000 &+ components.attoseconds / 1_000_000_000_000_000
    }
}

// MARK: Text

extension WallTime {
    private static let dayMilliseconds: Int64 = 86_400_000

    /// Year, month, day, and the milliseconds of the day, in the proleptic Gregorian calendar.
    ///
    /// Counts days in years that begin in March, so that leap days end a year: then months have a closed form.
    private var civil: (year: Int64, month: Int64, day: Int64, rest: Int64) {
        var days = milliseconds / WallTime.dayMilliseconds
        var rest = milliseconds % WallTime.dayMilliseconds
        if rest < 0 {
            rest += WallTime.dayMilliseconds
            days -= 1
        }
        days += 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1, rest
        )
    }

    private init(year: Int64, month: Int64, day: Int64, rest: Int64) {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        milliseconds = (era * 146_097 + dayOfEra - 719_468) * WallTime.dayMilliseconds + rest
    }

    /// Appends the 24 bytes of RFC 3339 in UTC with milliseconds: `2026-11-21T11:40:00.123Z`.
    func append(to text: inout ByteBuffer) {
        let (year, month, day, rest) = civil
        let seconds = UInt32(truncatingIfNeeded: rest / 1_000)
        let thousandths = UInt32(truncatingIfNeeded: rest % 1_000)
        append(year: year, to: &text)
        text.append(UInt8(ascii: "-"))
        text.append(pair: UInt32(truncatingIfNeeded: month))
        text.append(UInt8(ascii: "-"))
        text.append(pair: UInt32(truncatingIfNeeded: day))
        text.append(UInt8(ascii: "T"))
        append(clock: seconds, to: &text)
        text.append(UInt8(ascii: "."))
        text.append(pair: thousandths / 10)
        text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: thousandths % 10))
        text.append(UInt8(ascii: "Z"))
    }

    private func append(year: Int64, to text: inout ByteBuffer) {
        let year = UInt32(truncatingIfNeeded: year.magnitude)
        text.append(pair: year / 100 % 100)
        text.append(pair: year % 100)
    }

    private func append(clock seconds: UInt32, to text: inout ByteBuffer) {
        text.append(pair: seconds / 3_600)
        text.append(UInt8(ascii: ":"))
        text.append(pair: seconds / 60 % 60)
        text.append(UInt8(ascii: ":"))
        text.append(pair: seconds % 60)
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Appends the 26 bytes of the common log format, in UTC: `21/Nov/2026:11:40:00 +0000`.
    func appendCombined(to text: inout ByteBuffer) {
        let (year, month, day, rest) = civil
        text.append(pair: UInt32(truncatingIfNeeded: day))
        text.append(UInt8(ascii: "/"))
        text.append(string: Self.months[Int(month) - 1])
        text.append(UInt8(ascii: "/"))
        append(year: year, to: &text)
        text.append(UInt8(ascii: ":"))
        append(clock: UInt32(truncatingIfNeeded: rest / 1_000), to: &text)
        text.append(" +0000")
    }

    /// Reads what `appendCombined` writes; nil for anything else.
    init?(combined text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == 26, bytes.suffix(6).elementsEqual(" +0000".utf8),
            let month = Self.months.firstIndex(of: String(decoding: bytes[3..<6], as: UTF8.self))
        else { return nil }
        func part(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        self.init(rfc3339: "\(part(7..<11))-\(number)-\(part(0..<2))T\(part(12..<20))Z")
    }

    /// RFC 3339 in UTC with milliseconds: `2026-11-21T11:40:00.123Z`. Years outside 0 to 9999 lose their higher digits.
    package var rfc3339: String {
        var text = ByteBuffer(capacity: 24)
        append(to: &text)
        return text.withBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// UTC to the second without separators, as the names of rotated files have it: `20261121T114000Z`.
    var compact: String {
        String(rfc3339.prefix(19).filter { $0 != "-" && $0 != ":" }) + "Z"
    }

    /// Reads RFC 3339 with any offset and fraction, or a date alone (its midnight in UTC); nil for anything else.
    package init?(rfc3339 text: some StringProtocol) {
        var reader = DigitReader(bytes: Array(text.utf8))
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"),
            let day = reader.number(2), (1...12).contains(month), day >= 1,
            WallTime(year: year, month: month, day: day, rest: 0).civil.month == month
        else { return nil }
        if reader.isAtEnd {
            self.init(year: year, month: month, day: day, rest: 0)
        } else {
            guard reader.takeAny("Tt ") != nil, let hour = reader.number(2), reader.take(":"),
                let minute = reader.number(2), reader.take(":"), let second = reader.number(2),
                hour < 24, minute < 60, second <= 60, let fraction = reader.fraction(),
                let offset = reader.offset(),
                reader.isAtEnd
            else { return nil }
            let rest = (hour * 3_600 + minute * 60 + second - offset) * 1_000 + fraction
            self.init(year: year, month: month, day: day, rest: rest)
        }
    }
}

/// Takes a moment's text apart from left to right.
private struct DigitReader {
    let bytes: [UInt8]
    var index = 0

    var isAtEnd: Bool { index == bytes.count }

    mutating func number(_ width: Int) -> Int64? {
        guard index + width <= bytes.count else { return nil }
        var value: Int64 = 0
        for byte in bytes[index..<index + width] {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        index += width
        return value
    }

    mutating func takeAny(_ characters: String) -> UInt8? {
        guard index < bytes.count, characters.utf8.contains(bytes[index]) else { return nil }
        defer { index += 1 }
        return bytes[index]
    }

    mutating func take(_ character: String) -> Bool {
        takeAny(character) != nil
    }

    /// **Units** milliseconds; digits past the third are dropped.
    mutating func fraction() -> Int64? {
        guard takeAny(".,") != nil else { return 0 }
        var value: Int64 = 0
        var digits = 0
        while let digit = number(1) {
            if digits < 3 { value = value * 10 + digit }
            digits += 1
        }
        guard digits > 0 else { return nil }
        while digits < 3 {
            value *= 10
            digits += 1
        }
        return value
    }

    /// **Units** seconds east of UTC.
    mutating func offset() -> Int64? {
        if takeAny("Zz") != nil { return 0 }
        guard let sign = takeAny("+-"), let hours = number(2), take(":"), let minutes = number(2), hours < 24,
            minutes < 60
        else { return nil }
        return (sign == UInt8(ascii: "-") ? -1 : 1) * (hours * 3_600 + minutes * 60)
    }
}
