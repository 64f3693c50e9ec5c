import Foundation

/// The field by which a server says when to ask again. **Source** RFC 9110 §10.2.3, dates §5.6.7.
package enum RetryAfter {
    /// How long a client is to wait that reads the field at `now`: seconds, or until a date, which may have passed. Nil for
    /// what is neither.
    package static func delay(_ text: String, now: Date) -> Duration? {
        let text = text.trimmingCharacters(in: .whitespaces)
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return .seconds(Int32(text).map(Int.init) ?? Int(Int32.max))
        }
        guard let date = date(text) else { return nil }
        return .seconds(min(max(date.timeIntervalSince(now).rounded(.up), 0), Double(Int32.max)))
    }

    /// The preferred form and the two obsolete ones, which a recipient has to read too.
    private static let formats = [
        "EEE, dd MMM yyyy HH:mm:ss 'GMT'", "EEEE, dd-MMM-yy HH:mm:ss 'GMT'", "EEE MMM d HH:mm:ss yyyy",
    ]

    private static func date(_ text: String) -> Date? {
        // C's asctime fills the day with a space.
        let text = text.replacingOccurrences(of: "  ", with: " ")
        let reader = DateFormatter()
        reader.locale = Locale(identifier: "en_US_POSIX")
        reader.timeZone = TimeZone(secondsFromGMT: 0)
        for format in formats {
            reader.dateFormat = format
            if let date = reader.date(from: text) { return date }
        }
        return nil
    }
}
