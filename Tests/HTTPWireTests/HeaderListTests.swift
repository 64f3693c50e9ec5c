import HTTPWire
import Testing

@Suite("Header lists")
struct HeaderListTests {
    private func pairs(_ list: HeaderList) -> [String] {
        (0..<list.count).map { "\(list.name(at: $0))=\(list.value(at: $0))" }
    }

    @Test("keeps order and case, and finds names in any case (RFC 9110 §5.1, §5.3)")
    func order() throws {
        let list = try HeaderList(["B": "1", "a": "2", "b": " 3\t"])
        #expect(pairs(list) == ["B=1", "a=2", "b=3"])
        #expect(list.values("b") == ["1", "3"])
        #expect(list.value(named: "A") == "2")
        #expect(list.value("c") == nil)
        #expect(!list.contains("bb"))
    }

    @Test("replaces the first and removes repetitions, or appends")
    func replaces() throws {
        var list = try HeaderList(["A": "1", "B": "2", "a": "3"])
        try list.set("a", "9")
        try list.set("C", "4")
        #expect(pairs(list) == ["a=9", "B=2", "C=4"])
        let removed = [list.remove("b"), list.remove("b"), list.remove(named: "c")]
        #expect(removed == [true, false, true])
        #expect(pairs(list) == ["a=9"])
    }

    @Test(
        "refuses values that would split the message (RFC 9110 §5.5)",
        arguments: ["a\r\nX: 1", "a\n", "\r", "\0", "12345678\u{7F}", "a\u{0B}b"])
    func refusesInjection(value: String) throws {
        var list = try HeaderList(["A": "1"])
        #expect(throws: HeaderError.controlCharacter(name: "X")) { try list.add("X", value) }
        #expect(throws: HeaderError.controlCharacter(name: "A")) { try list.set("A", value) }
        #expect(pairs(list) == ["A=1"])
    }

    @Test(
        "refuses names that are no tokens (RFC 9110 §5.1)",
        arguments: ["", "a b", "a:", "a\r\n", "é", "a\0", " a"])
    func refusesNames(name: String) {
        var list = HeaderList()
        #expect(throws: HeaderError.malformedName(name)) { try list.add(name, "1") }
    }

    @Test("accepts exactly the token bytes in names (RFC 9110 §5.6.2)")
    func tokenBytes() {
        let tokens = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for byte in UInt8(0)...127 {
            var list = HeaderList()
            let accepted = (try? list.add(String(UnicodeScalar(byte)), "1")) != nil
            #expect(accepted == tokens.contains(byte), "byte \(byte)")
        }
    }

    @Test("does not take bytes that differ in bit 5 but are no letters for the same name")
    func caseFolding() throws {
        let list = try HeaderList(["a^": "1"])
        #expect(list.value(named: "a~") == nil)
        #expect(list.value(named: "A^") == "1")
    }

    @Test("finds members of comma-separated fields in any line and case (RFC 9110 §5.6.1)")
    func lists() throws {
        let list = try HeaderList(["Connection": " ,foo\t,", "connection": "Keep-Alive"])
        #expect(list.lists("Connection", "FOO"))
        #expect(list.lists("connection", "keep-alive"))
        #expect(!list.lists("connection", "keep"))
    }

    @Test("removes hop-by-hop fields and everything Connection names, in any line (RFC 9110 §7.6.1)")
    func hopByHop() throws {
        var list = try HeaderList([
            "Host": "h", "Connection": "X-Secret, close, host", "Keep-Alive": "1", "X-Secret": "1", "A": "1",
            "connection": "content-length,a-b", "TE": "trailers", "Transfer-Encoding": "chunked",
            "Upgrade": "x",
            "Proxy-Connection": "close", "Proxy-Authorization": "Basic x", "Proxy-Authenticate": "Basic",
            "Content-Length": "5", "A-B": "2", "x-secret": "2",
        ])
        list.removeHopByHop()
        #expect(pairs(list) == ["Host=h", "A=1", "Content-Length=5"])
    }

    @Test("removes trailers that a merging receiver would take for header fields (RFC 9110 §6.5.1)")
    func trailers() throws {
        var list = try HeaderList([
            "X-Sum": "1", "X-Forwarded-For": "evil", "Authorization": "x", "Content-Type": "t",
        ])
        list.removeForbiddenInTrailers()
        #expect(pairs(list) == ["X-Sum=1"])
    }

    @Test("equality is by names and values in order, not by memory")
    func equality() throws {
        var left = try HeaderList(["A": "0", "B": "2"])
        try left.set("A", "1")
        #expect(left == (try HeaderList(["A": "1", "B": "2"])))
        #expect(left != (try HeaderList(["B": "2", "A": "1"])))
    }

    @Test("an emptied list keeps nothing of what it held")
    func emptied() throws {
        var list = try HeaderList(["A": "1", "B": "2"])
        list.removeAll()
        #expect(list.isEmpty)
        try list.add("C", "3")
        #expect(pairs(list) == ["C=3"])
        #expect(!list.contains("a"))
    }
}
