import Client
import Foundation
import Testing

@Suite("Retry-After (RFC 9110 §10.2.3)")
struct RetryAfterTests {
    /// Half a minute before the RFC's own example of a date.
    private let now = Date(timeIntervalSince1970: 784_111_777 - 30)

    @Test(
        "seconds and all three forms of a date are read; what has passed is no wait",
        arguments: [
            ("120", 120), ("0", 0), (" 7 ", 7), ("Sun, 06 Nov 1994 08:49:37 GMT", 30),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 30), ("Sun Nov  6 08:49:37 1994", 30),
            ("Sun, 06 Nov 1994 08:49:00 GMT", 0), ("99999999999999999999", Int(Int32.max)),
        ])
    func read(text: String, seconds: Int) {
        #expect(RetryAfter.delay(text, now: now) == .seconds(seconds))
    }

    @Test("anything else is no wait that was asked for", arguments: ["", "-1", "+3", "1.5", "soon", "12 s"])
    func strange(text: String) {
        #expect(RetryAfter.delay(text, now: now) == nil)
    }
}
