import HTTPWire
import Testing

@Suite("Writing messages")
struct WireWriterTests {
    private func text(_ write: (inout [UInt8]) -> Void) -> String {
        var output: [UInt8] = []
        write(&output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test("writes a request head with one length, whatever the list says (RFC 9112 §6)")
    func requestHead() throws {
        let fields = try HeaderList([
            "Host": "h", "content-length": "99", "Transfer-Encoding": "chunked", "A": "",
        ])
        let head = RequestHead(method: .post, target: try RequestTarget(originForm: "/p?q"), fields: fields)
        #expect(
            text { WireWriter.append(head, framing: .length(1234567890), to: &$0) }
                == "POST /p?q HTTP/1.1\r\nHost: h\r\nA: \r\nContent-Length: 1234567890\r\n\r\n")
        #expect(
            text { WireWriter.append(head, framing: .chunked, to: &$0) }
                == "POST /p?q HTTP/1.1\r\nHost: h\r\nA: \r\nTransfer-Encoding: chunked\r\n\r\n")
    }

    @Test("keeps Content-Length where no body follows, as HEAD and 304 want (RFC 9110 §8.6)")
    func responseHead() throws {
        let head = ResponseHead(
            status: 304, fields: try HeaderList(["Content-Length": "5", "ETag": "\"x\""]))
        #expect(
            text { WireWriter.append(head, framing: .none, to: &$0) }
                == "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\n")
        #expect(
            text { WireWriter.append(ResponseHead(status: 299), framing: .length(0), to: &$0) }
                == "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n")
    }

    @Test("a reason phrase cannot carry a line break (RFC 9112 §4)")
    func reasonInjection() {
        let head = ResponseHead(status: 200, reason: "OK\r\nX: 1\0")
        #expect(text { WireWriter.append(head, framing: .none, to: &$0) } == "HTTP/1.1 200 OKX: 1\r\n\r\n")
    }

    @Test(
        "a target that needs percent-encoding cannot be built",
        arguments: ["", "a", "/a b", "/\r\n", "/#", "*"])
    func targetInjection(target: String) {
        #expect(throws: FramingError.malformedTarget) { try RequestTarget(originForm: target) }
    }

    @Test("a method that is no token cannot be made by name", arguments: ["", "GET ", "A\r\nB", "é"])
    func methodInjection(name: String) {
        #expect(Method(name) == nil)
    }

    @Test(
        "frames chunks in hexadecimal (RFC 9112 §7.1)",
        arguments: [1, 9, 10, 15, 16, 255, 256, 65_535, 1_048_576])
    func chunks(size: Int) {
        #expect(text { WireWriter.appendChunkStart(size, to: &$0) } == String(size, radix: 16) + "\r\n")
        #expect(text { WireWriter.appendChunkStart(0, to: &$0) } == "")
    }

    @Test("what is written is read back the same: heads, chunks, trailers (RFC 9112 §7.1)")
    func roundTrip() throws {
        let fields = try HeaderList(["Host": "a.example", "X-Odd": "a \t b", "x-odd": ""])
        let trailers = try HeaderList(["X-Sum": "abc", "X-Sum": "def"])
        for method in [Method.get, .post, .other("REPORT"), .delete] {
            let head = RequestHead(
                method: method, target: try RequestTarget(originForm: "/a?b"), fields: fields)
            var bytes: [UInt8] = []
            WireWriter.append(head, framing: .chunked, to: &bytes)
            for size in [1, 15, 16, 300] {
                WireWriter.appendChunkStart(size, to: &bytes)
                bytes += [UInt8](repeating: UInt8(truncatingIfNeeded: size), count: size)
                WireWriter.appendChunkEnd(to: &bytes)
            }
            WireWriter.appendLastChunk(trailers: trailers, to: &bytes)
            let seen = requests(bytes: bytes)
            guard case .request(let read) = seen[0], case .body(let body) = seen[1] else {
                return #expect(Bool(false))
            }
            #expect(read.method == method)
            #expect(read.target == head.target)
            #expect(
                read.fields
                    == (try HeaderList([
                        "Host": "a.example", "X-Odd": "a \t b", "x-odd": "", "Transfer-Encoding": "chunked",
                    ])))
            #expect(body.count == 332)
            #expect(seen[2] == .end(trailers))
        }
    }

    @Test("copies runs of lines just as field by field: odd spacing, removed, replaced and added fields")
    func runsOfLines() throws {
        let text = "GET / HTTP/1.1\r\nHost: h\r\nA:1\r\nB:  2 \r\nC: 3\r\nD:\r\nE: \r\nF: 6\t\r\nG: 7\r\n\r\n"
        for removed in ["", "Host", "A", "C", "E", "G"] {
            for replaced in ["", "B", "C", "X"] {
                var head = try #require(firstHead(text))
                if !removed.isEmpty { head.fields.remove(named: removed) }
                if !replaced.isEmpty { try head.fields.set(replaced, "new") }
                try head.fields.add("Via", "1.1 x")
                let lines = (0..<head.fields.count).map {
                    "\(head.fields.name(at: $0)): \(head.fields.value(at: $0))\r\n"
                }
                #expect(
                    self.text { WireWriter.append(head, framing: .none, to: &$0) }
                        == "GET / HTTP/1.1\r\n" + lines.joined() + "\r\n")
            }
        }
    }
}
