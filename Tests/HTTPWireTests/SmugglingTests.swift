import HTTPWire
import Testing

/// Payload families published for request smuggling, each against the whole parser: no stream may yield a
/// second request that its sender hid inside the first.
@Suite("Published smuggling payloads")
struct SmugglingTests {
    private static let hidden = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"

    private func sawHidden(_ seen: [Seen]) -> Bool {
        seen.contains {
            if case .request(let head) = $0 { return head.target.path == "/hidden" }
            return false
        }
    }

    @Test(
        "CL.TE, TE.CL and their obfuscations are refused before a body byte (RFC 9112 §6.3, §11.2)",
        arguments: [
            "Transfer-Encoding: chunked", "Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked",
            " Transfer-Encoding: chunked", "\tTransfer-Encoding: chunked", "Transfer-Encoding:\u{0B}chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
            "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding:\r\n chunked", "X: y\r\n Transfer-Encoding: chunked",
            "X: y\nTransfer-Encoding: chunked",
            "X: y\rTransfer-Encoding: chunked", "Transfer-Encoding: xchunked",
            "Transfer-Encoding: \"chunked\"",
            "Transfer-Encoding: 'chunked'", "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: identity, chunked",
            "Transfer-Encoding: cow, chunked", "TRANSFER-ENCODING: CHUNKED", "Transfer-Encoding:chunked",
            "transfer_encoding: chunked", "Transfer-Encoding: chunk", "Transfer-Encoding: ",
            "Transfer-Encoding",
            "Transfer-Encoding\0: chunked", "Transfer-Encoding: chunked\0",
            "Transfer-\u{08}Encoding: chunked",
            "\0Transfer-Encoding: chunked", "Transfer-Encoding;: chunked", "Transfer Encoding: chunked",
            "Content-Encoding: x\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked;", ": chunked",
            "Transfer-Encoding:\u{A0}chunked", "Transfer-Encoding: chunked\u{FF}",
            "Foo: bar\r\n\rTransfer-Encoding: chunked",
        ])
    func lengthAndCoding(line: String) {
        for lines in ["Content-Length: 6\r\n\(line)", "\(line)\r\nContent-Length: 6"] {
            let text = "POST / HTTP/1.1\r\nHost: h\r\n\(lines)\r\n\r\n0\r\n\r\n" + Self.hidden
            let seen = requests(bytes: latin1(text))
            #expect(failure(of: seen) != nil)
            #expect(seen.count == 1)
        }
    }

    @Test("no byte put anywhere around a lone Transfer-Encoding hides it (RFC 9112 §5.1)")
    func insertedBytes() {
        let places = [
            "%Transfer-Encoding: chunked", "Transfer-Encoding%: chunked", "Transfer-Encoding:%chunked",
            "Transfer-Encoding: chunked%", "Transfer-%Encoding: chunked", "Transfer-Encoding: chun%ked",
        ]
        for place in places {
            for byte in UInt8(0)...255 {
                let inserted = String(UnicodeScalar(byte))
                let line = place.split(separator: "%", omittingEmptySubsequences: false).joined(
                    separator: inserted)
                let bytes = latin1("POST / HTTP/1.1\r\nHost: h\r\n\(line)\r\n\r\n0\r\n\r\n" + Self.hidden)
                check(requests(bytes: bytes), line: line)
            }
        }
    }

    /// A spelling is refused, or is plain chunked, or is a different token that leaves the body unframed, so that
    /// `0` is read as the next request line and refused there. The hidden request is seen only where it stands
    /// openly behind a body that everybody agrees upon.
    private func check(_ seen: [Seen], line: String) {
        guard case .request(let head) = seen.first else { return }
        if head.framing == .chunked {
            #expect(
                head.fields.value("transfer-encoding")?.lowercased() == "chunked", "\(line.debugDescription)")
            return
        }
        #expect(!head.fields.contains("transfer-encoding"), "\(line.debugDescription)")
        #expect(!sawHidden(seen), "\(line.debugDescription)")
        #expect(failure(of: seen) != nil)
    }

    @Test(
        "duplicate and disguised lengths are refused (RFC 9110 §8.6)",
        arguments: [
            "Content-Length: 0\r\nContent-Length: 35", "Content-Length: 0, 35", "Content-Length: 35, 35",
            "Content-Length : 35", "Content-Length: +35", "Content-Length: 0x23", "Content-Length: 035 ;",
            "Content-Length:\r\n 35", "Content-Length: 3 5", "Content_Length: 35", "Content-Length: 35\0",
            "Content-Length\0: 35", "Content-Length: -0", "\0Content-Length: 35", "Content-Length:\u{0B}35",
            "Content-Length: 18446744073709551651", "Content-Length: 4294967331 5",
            "Content-Length abcde: 35",
        ])
    func disguisedLengths(line: String) {
        let seen = requests(bytes: latin1("POST / HTTP/1.1\r\nHost: h\r\n\(line)\r\n\r\n" + Self.hidden))
        #expect(failure(of: seen) != nil)
        #expect(seen.count == 1)
    }

    @Test(
        "chunk terminators and extensions hide nothing (RFC 9112 §7.1)",
        arguments: [
            "0\n\r\n", "0\r\n\n", "0\r\r\n\r\n", "00;\n\r\n", "5;a\nhello\r\n0\r\n\r\n",
            "5\rhello\r\n0\r\n\r\n",
            "5\r\nhello0\r\n\r\n", "5\r\nhelloXX0\r\n\r\n", "5 ; a\r\nhello\r\n0\r\n\r\n", "-0\r\n\r\n",
            "0x0\r\n\r\n",
            "0_0\r\n\r\n", "0;\rx\r\n\r\n", "100000000000000000\r\n\r\n", "0 \r\n\r\n", "\u{0B}0\r\n\r\n",
            "0\u{0C}\r\n\r\n",
            "0\r\nContent-Length: 35\r\n\r\n", "0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "2\r\n\r\r\n0\r\n\r\n",
            "5;a=\"\r\nhello\r\n0\r\n\r\n", "0\0\r\n\r\n", "\r\n0\r\n\r\n", "0\r\n\u{08}\r\n\r\n",
        ])
    func chunkTricks(body: String) {
        let text = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\(body)" + Self.hidden
        let seen = requests(bytes: latin1(text))
        #expect(failure(of: seen) != nil)
        #expect(!sawHidden(seen))
    }

    @Test(
        "hosts, versions and line ends that front and back read differently are refused (RFC 9112 §3.2, §2.2)",
        arguments: [
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n Host: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\r\n\r\n", "GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n",
            "GET /\u{0}x HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.01\r\nHost: a\r\n\r\n",
            "GET /\r\nHost: a\r\n\r\n",
            "GET / http/1.1\r\nHost: a\r\n\r\n", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\u{FEFF}GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ])
    func headTricks(text: String) {
        let seen = requests(bytes: Array(text.utf8))
        #expect(failure(of: seen) != nil)
        #expect(seen.count == 1)
    }
}
