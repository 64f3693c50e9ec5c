import Foundation
import Glibc
import HTTPWire
import Testing

@Suite("Problem documents, dates, reasons")
struct ProblemDocumentTests {
    private func decoded(_ document: ProblemDocument) throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: Data(document.json))
        return try #require(object as? [String: Any])
    }

    @Test("is JSON with the standard's members (RFC 9457 §3.1); Foundation's reader is the oracle")
    func members() throws {
        let document = ProblemDocument(
            status: 429, type: "https://example.org/slow", detail: "wait", instance: "urn:id:1",
            extensions: [
                .init("retry", .integer(-3)),
                .init("list", .list([.flag(true), .number(0.5), .number(.nan)])),
                .init("status", .integer(200)), .init("work", .object([.init("a", .text("b"))])),
            ])
        let read = try decoded(document)
        #expect(read["type"] as? String == "https://example.org/slow")
        #expect(read["title"] as? String == "Too Many Requests")
        #expect(read["status"] as? Int == 429)
        #expect(read["detail"] as? String == "wait")
        #expect(read["instance"] as? String == "urn:id:1")
        #expect(read["retry"] as? Int == -3)
        #expect((read["work"] as? [String: String]) == ["a": "b"])
        #expect((read["list"] as? [Any])?.count == 3)
    }

    @Test("escapes every character that JSON or a page would misread (RFC 8259 §7)")
    func escaping() throws {
        let hostile =
            String(String.UnicodeScalarView((0..<0x110).compactMap { UnicodeScalar($0) }))
            + "\u{2028}😀</script>"
        let document = ProblemDocument(status: 400, detail: hostile)
        #expect(try decoded(document)["detail"] as? String == hostile)
        #expect(!document.json.contains { $0 < 0x20 || $0 == 0x3C })
    }

    @Test("a framing error becomes a document with its clause")
    func ofError() throws {
        let read = try decoded(ProblemDocument(FramingError.missingHost, instance: "r1"))
        #expect(read["status"] as? Int == 400)
        #expect((read["detail"] as? String)?.contains("RFC 9112 §3.2") == true)
    }

    @Test("dates are IMF-fixdate (RFC 9110 §5.6.7); strftime is the oracle")
    func dates() {
        #expect(HTTPDate.imfFixdate(unixSeconds: 784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        var seconds: Int64 = -62_167_219_200
        while seconds < 253_402_300_799 {
            var time = time_t(seconds)
            var parts = tm()
            gmtime_r(&time, &parts)
            var text = [CChar](repeating: 0, count: 64)
            strftime(&text, 64, "%a, %d %b %Y %H:%M:%S GMT", &parts)
            let expected = String(
                decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if parts.tm_year + 1900 >= 1000 {
                #expect(HTTPDate.imfFixdate(unixSeconds: seconds) == expected)
            }
            seconds += 86_399 * 97 + 12_345
        }
        #expect(HTTPDate.imfFixdate(unixSeconds: .max) == "Fri, 31 Dec 9999 23:59:59 GMT")
        #expect(HTTPDate.imfFixdate(unixSeconds: .min) == "Sat, 01 Jan 0000 00:00:00 GMT")
    }

    @Test("knows the reason phrase of every status a framing error asks for (RFC 9110 §15)")
    func reasons() {
        #expect(StatusReason.phrase(200) == "OK")
        #expect(StatusReason.phrase(599) == "")
        #expect(StatusReason.phrase(-1) == "")
        #expect(FramingError.allCases.allSatisfy { !StatusReason.phrase($0.status).isEmpty })
    }
}
