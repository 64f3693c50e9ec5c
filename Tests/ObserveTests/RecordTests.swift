import Foundation
import TestSupport
import Testing

@testable import Observe

@Suite("Records")
struct RecordTests {
    private func object(_ line: [UInt8]) throws -> [String: Any] {
        #expect(line.last == UInt8(ascii: "\n"))
        #expect(line.count { $0 == UInt8(ascii: "\n") } == 1)
        let object = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
        return try #require(object)
    }

    @Test("a decision's line is what another JSON reader expects")
    func decision() throws {
        let record = DecisionRecord(
            time: WallTime(milliseconds: 1_800_000_000_123), requestID: "ab", client: "10.0.0.1",
            route: "predict",
            row: 2, rows: 3, reconstruction: 0.1, deviation: 1e-9, excess: -0.25, perturbation: -7.5,
            score: 3.25,
            percentile: 99.5,
            verdict: .proofOfWork, isEnforced: true, difficulty: 1 << 40,
            latencies: .init(queue: 0.0004, score: 1.23456, upstream: nil, total: 10), digest: "00ff",
            terms: ["reconstruction", "deviation"], reason: "why", trace: "4bf92f35")
        let object = try object(record.line())
        #expect(object["time"] as? String == "2027-01-15T08:00:00.123Z")
        #expect(object["row"] as? Int == 2 && object["rows"] as? Int == 3)
        #expect(object["deviation"] as? Double == 1e-9)
        #expect(object["excess"] as? Double == -0.25 && object["perturbation"] as? Double == -7.5)
        #expect(object["verdict"] as? String == "proof-of-work")
        #expect(object["mode"] as? String == "enforce")
        #expect(object["difficulty"] as? Int == 1 << 40)
        let spans = try #require(object["latencies_ms"] as? [String: Any])
        #expect(spans["score"] as? Double == 1.235 && spans["queue"] as? Double == 0)
        #expect(spans["upstream"] is NSNull)
        #expect(object["terms"] as? [String] == ["reconstruction", "deviation"])
        #expect(object["trace"] as? String == "4bf92f35")
        #expect(Set(object.keys).count == 21)
        #expect(object["energy"] == nil)
        let back = DecisionRecord(line: record.line())
        #expect(back?.trace == "4bf92f35" && back?.excess == -0.25 && back?.perturbation == -7.5)
    }

    @Test("a decision read back is the decision written")
    func roundTrip() {
        for record in [
            DecisionRecord.make(),
            .make(score: nil, percentile: nil, verdict: .unscored, isEnforced: false, total: nil),
            .make(client: "\"\\\u{0}\n\u{1F600}\u{2028}", score: -0.0, percentile: 99.999),
        ] {
            #expect(DecisionRecord(line: record.line()) == record)
        }
    }

    @Test("whatever a client sends is one line of valid JSON that reads back the same")
    func hostileText() throws {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<500 {
            var text = ""
            for _ in 0..<Int.random(in: 0...20, using: &generator) {
                let scalar = Unicode.Scalar(UInt32.random(in: 0...0x2100, using: &generator)) ?? "x"
                text.unicodeScalars.append(scalar)
            }
            let record = AccessRecord(
                time: WallTime(milliseconds: 0), requestID: .leaked(text), client: .leaked(text),
                method: "GET", path: .leaked(text), status: 200,
                requestBytes: 1, answerBytes: .max, duration: 500_000)
            let object = try object(record.line())
            #expect((object["path"] as? String)?.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
            #expect(object["answer_bytes"] as? Int64 == .max)
        }
    }

    @Test("times are written in milliseconds, rounded to three decimals")
    func milliseconds() throws {
        for (nanoseconds, text) in [
            (0, "0.0"), (499, "0.0"), (500, "0.001"), (1_234_500, "1.235"), (60_000_000_000, "60000.0"),
        ] as [(UInt64, String)] {
            let record = AccessRecord(
                time: WallTime(milliseconds: 0), requestID: .hex(1, 0xAB), client: "c", method: "GET",
                path: "/", status: nil, requestBytes: 0, answerBytes: 0, duration: nanoseconds)
            let line = record.line()
            #expect(String(decoding: line, as: UTF8.self).contains("\"duration_ms\":\(text),"))
            #expect(try object(line)["request_id"] as? String == "000000000000000100000000000000ab")
        }
    }

    @Test("a text is escaped wherever in it the first byte stands that must be", arguments: 0..<20)
    func escapes(place: Int) throws {
        for byte in (0...0x7F as ClosedRange<UInt8>) {
            var bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 20)
            bytes[place] = byte
            let line = bytes.withUnsafeBufferPointer { text in
                AccessRecord(
                    time: WallTime(milliseconds: 0), requestID: "r", client: "c", method: "GET",
                    path: .bytes(text), status: nil, requestBytes: 0, answerBytes: 0, duration: 0
                ).line()
            }
            #expect(try object(line)["path"] as? String == String(decoding: bytes, as: UTF8.self))
            #expect(!line.dropLast().contains { $0 < 0x20 || $0 == 0x7F })
        }
    }

    @Test("three decimals are written as the shortest form of that number")
    func thousandths() {
        for thousandth in Array(0...12_345) + [999_999, 1_000_000, 123_456_789, 999_999_999_999_000] {
            let value = Double(thousandth) / 1000
            var line = JSONLine()
            line.field("v", value, decimals: 3)
            line.end()
            #expect(String(decoding: line.bytes, as: UTF8.self) == "{\"v\":\(value)}\n")
        }
    }

    @Test("numbers that are not finite are null, all others read back exactly")
    func numbers() throws {
        var generator = SeededGenerator(seed: 3)
        for value in [Double.nan, .infinity, -.infinity] {
            #expect(try object(DecisionRecord.make(score: value, total: value).line())["score"] is NSNull)
        }
        for _ in 0..<500 {
            let value = Double(bitPattern: generator.next())
            guard value.isFinite, abs(value) > 1e-300, abs(value) < 1e300 else { continue }
            let line = String(decoding: DecisionRecord.make(score: value).line(), as: UTF8.self)
            let written = try #require(line.firstMatch(of: #/"score":([^,]+),/#)?.output.1)
            #expect(strtod(String(written), nil) == value)
        }
    }

    @Test(
        "a line that is no decision is nil",
        arguments: [
            "", "{", "[]", "null", "{}", #"{"time":"x","route":"a","verdict":"pass","mode":"enforce"}"#,
            #"{"time":"2026-01-01T00:00:00Z","route":"a","verdict":"pass","mode":"maybe"}"#, "\u{FFFD}",
        ])
    func malformed(_ line: String) {
        #expect(DecisionRecord(line: Array(line.utf8)) == nil)
    }
}

extension LogText {
    /// A text that lies still until the tests end.
    static func leaked(_ text: String) -> LogText {
        let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.utf8.count)
        _ = bytes.initialize(fromContentsOf: Array(text.utf8))
        return .bytes(UnsafeBufferPointer(bytes))
    }
}
