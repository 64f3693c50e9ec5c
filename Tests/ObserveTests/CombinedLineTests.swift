import Buffers
import Testing

@testable import Observe

@Suite("The combined format")
struct CombinedLineTests {
    /// A request and the line that nginx 1.22.1 wrote for it with `access_log … combined`, its time left out.
    struct Case: Sendable, CustomTestStringConvertible {
        var method = "GET"
        var path = "/"
        var version = "HTTP/1.1"
        var startLine: [UInt8]?
        var status = 200
        var bytes: Int64 = 5
        var referrer: String?
        var userAgent: String?
        let rest: String
        var testDescription: String { rest }
    }

    static let cases = [
        Case(
            path: "/a?b=c", referrer: "http://x/y", userAgent: "curl/7.88.1",
            rest: #""GET /a?b=c HTTP/1.1" 200 5 "http://x/y" "curl/7.88.1""#),
        Case(rest: #""GET / HTTP/1.1" 200 5 "-" "-""#),
        Case(
            path: "/none", version: "HTTP/1.0", status: 204, bytes: 0, userAgent: "a\"b\\c\td",
            rest: #""GET /none HTTP/1.0" 204 0 "-" "a\x22b\x5Cc\x09d""#),
        Case(
            path: "/u", referrer: "", userAgent: "Größe ☂",
            rest: #""GET /u HTTP/1.1" 200 5 "" "Gr\xC3\xB6\xC3\x9Fe \xE2\x98\x82""#),
        Case(
            method: "HEAD", path: "/h", bytes: 0, userAgent: "x y [z]",
            rest: #""HEAD /h HTTP/1.1" 200 0 "-" "x y [z]""#),
        Case(
            method: "", path: "", version: "",
            startLine: [0x42, 0x41, 0x44, 0x22, 0x5C, 0x20, 0x01, 0xFF] + Array("line".utf8), status: 400,
            bytes: 157, rest: #""BAD\x22\x5C \x01\xFFline" 400 157 "-" "-""#),
    ]

    private func text(_ write: (inout ByteBuffer) -> Void) -> String {
        var buffer = ByteBuffer()
        write(&buffer)
        return String(decoding: buffer.bytes, as: UTF8.self)
    }

    @Test("a line is the one that nginx writes for the same request", arguments: cases)
    func nginx(example: Case) {
        var record = AccessRecord(
            time: WallTime(milliseconds: 1_795_274_689_000), requestID: "r", client: "127.0.0.1",
            method: .leaked(example.method), path: .leaked(example.path), status: example.status,
            requestBytes: 0, answerBytes: example.bytes, duration: 1)
        record.version = .leaked(example.version)
        if example.startLine != nil {
            record.rare = AccessRecord.Rare()
            record.rare?.startLine = example.startLine
        }
        record.referrer = example.referrer.map(LogText.leaked)
        record.userAgent = example.userAgent.map(LogText.leaked)
        let line = text { record.appendCombined(to: &$0) }
        #expect(line == "127.0.0.1 - - [21/Nov/2026:15:24:49 +0000] \(example.rest)\n")
    }

    @Test("an account is the user, and no blank, quote or line feed of it moves what is behind it")
    func user() {
        let record = AccessRecord(
            time: WallTime(milliseconds: 0), requestID: "r", client: "a b\n\"", address: "::1", method: "GET",
            path: "/", status: nil, requestBytes: 0, answerBytes: 0, duration: 1)
        let line = text { record.appendCombined(to: &$0) }
        #expect(line.hasPrefix(#"::1 - a\x20b\x0A\x22 [01/Jan/1970:00:00:00 +0000] "GET / " 000 0"#))
    }

    @Test("the time that a line states reads back to the second", arguments: [0, 951_782_400, 1_795_274_689])
    func time(seconds: Int64) {
        let time = WallTime(milliseconds: seconds * 1000)
        let written = text { time.appendCombined(to: &$0) }
        #expect(written.utf8.count == 26)
        #expect(WallTime(combined: written) == time)
        #expect(WallTime(combined: "21/Nuv/2026:15:24:49 +0000") == nil)
    }
}
