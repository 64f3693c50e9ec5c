import Foundation
import TestSupport
import Testing

@testable import Observe

@Suite("Wall time")
struct WallTimeTests {
    private static let oracle: DateFormatter = {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.calendar = Calendar(identifier: .iso8601)
        formatter.dateFormat = "yyyy-MM-dd'T'HH:mm:ss'Z'"
        return formatter
    }()

    @Test("agrees with Foundation's calendar for moments between 1800 and 2500")
    func formatting() throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<2_000 {
            let seconds = Int64.random(in: -5_364_662_400...16_725_225_600, using: &generator)
            let time = WallTime(milliseconds: seconds * 1_000)
            let expected = Self.oracle.string(from: Date(timeIntervalSince1970: Double(seconds)))
            #expect(time.rfc3339 == expected.replacing("Z", with: ".000Z"))
            #expect(WallTime(rfc3339: expected) == time)
        }
    }

    @Test(
        "reads what RFC 3339 §5.6 allows",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.5Z", 500), ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T23:59:59.999Z", -1), ("2000-02-29", 951_782_400_000),
            ("1970-01-01t00:00:01.123999z", 1_123),
            ("1985-04-12T23:20:50.52Z", 482_196_050_520), ("1996-12-19T16:39:57-08:00", 851_042_397_000),
            ("1990-12-31T23:59:60Z", 662_688_000_000),
        ])
    func reading(_ text: String, _ milliseconds: Int64) {
        #expect(WallTime(rfc3339: text)?.milliseconds == milliseconds)
    }

    @Test(
        "refuses what is no moment",
        arguments: [
            "", "2026", "2026-13-01", "2026-02-29", "2026-00-10", "2026-01-32", "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+1:00",
            "2026-01-01T00:00:00Zx",
            "+026-01-01", "２０２６-01-01",
        ])
    func refusing(_ text: String) {
        #expect(WallTime(rfc3339: text) == nil)
    }

    @Test("is written to the millisecond, before 1970 too")
    func milliseconds() {
        #expect(WallTime(milliseconds: -1).rfc3339 == "1969-12-31T23:59:59.999Z")
        #expect(WallTime(milliseconds: 1_800_000_000_123).rfc3339 == "2027-01-15T08:00:00.123Z")
        #expect(WallTime(milliseconds: 1_800_000_000_123).compact == "20270115T080000Z")
    }
}
