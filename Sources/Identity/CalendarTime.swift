/// Points in time as key files write them: `2027-01-31` or `2027-01-31T23:59:59Z`.
enum CalendarTime {
    /// The time since the start of the Unix era that `text` names in UTC, or nil when it is not of those forms or no such
    /// day or time exists. A date alone is its first moment.
    static func parse(_ text: String) -> Duration? {
        let bytes = Array(text.utf8)
        guard bytes.count == 10 || (bytes.count == 20 && bytes[10] == UInt8(ascii: "T") && bytes[19] == 0x5A)
        else {
            return nil
        }
        guard let year = number(bytes[0..<4]), bytes[4] == UInt8(ascii: "-"),
            let month = number(bytes[5..<7]),
            bytes[7] == UInt8(ascii: "-"), let day = number(bytes[8..<10]), year >= 1970,
            (1...12).contains(month),
            (1...length(of: month, in: year)).contains(day)
        else { return nil }
        let midnight = days(year, month, day) * 86400
        guard bytes.count == 20 else { return .seconds(midnight) }
        guard let hour = number(bytes[11..<13]), bytes[13] == UInt8(ascii: ":"),
            let minute = number(bytes[14..<16]),
            bytes[16] == UInt8(ascii: ":"), let second = number(bytes[17..<19]), hour < 24, minute < 60,
            second < 60
        else { return nil }
        return .seconds(midnight + hour * 3600 + minute * 60 + second)
    }

    /// `2027-01-31T23:59:59Z` for a time since the start of the Unix era, without its fraction.
    static func format(_ time: Duration) -> String {
        let seconds = max(0, time.components.seconds)
        var year = 1970
        var day = Int(seconds / 86400)
        while day >= (isLeap(year) ? 366 : 365) {
            day -= isLeap(year) ? 366 : 365
            year += 1
        }
        var month = 1
        while day >= length(of: month, in: year) {
            day -= length(of: month, in: year)
            month += 1
        }
        let rest = Int(seconds % 86400)
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day + 1, 2))"
        return "\(date)T\(padded(rest / 3600, 2)):\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2))Z"
    }

    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let before = year - 1
        let leapDays = before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400)
        let months = (1..<month).reduce(0) { $0 + length(of: $1, in: year) }
        return (year - 1970) * 365 + leapDays + months + day - 1
    }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func length(of month: Int, in year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        var number = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            number = number * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return number
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
