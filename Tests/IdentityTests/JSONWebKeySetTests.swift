import Testing

@testable import Identity

@Suite("JSONWebKeySet: RFC 7517 and RFC 7518 §6")
struct JSONWebKeySetTests {
    private func problems(_ keys: [[String: Any]]) throws -> [String] {
        let bytes = try Fixture.set(keys)
        let error = #expect(throws: JSONWebKeySetError.self) { try JSONWebKeySet(parsing: bytes) }
        return error?.problems ?? []
    }

    @Test("keys of all three types are read, and what is not for signatures is left out with its reason (§5)")
    func mixed() throws {
        var encryption = try Fixture.key("rsa")
        encryption["use"] = "enc"
        encryption["kid"] = "enc-1"
        var other = try Fixture.key("rsa")
        other["alg"] = "PS256"
        other["kid"] = "ps-1"
        let set = try JSONWebKeySet(
            parsing: Fixture.set([
                Fixture.key("rsa"), Fixture.key("ec"), encryption, other, Fixture.key("p384"),
                ["kty": "OKP", "crv": "Ed25519", "x": "AA"],
                ["kty": "oct", "k": "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo"],
            ]))
        #expect(set.count == 3)
        #expect(set.ignored.count == 4)
    }

    @Test("an RSA key below 2048 bits is refused (RFC 7518 §3.3)")
    func small() throws {
        let problems = try problems([Fixture.key("small")])
        #expect(problems.count == 1 && problems[0].contains("1024 bits"), "\(problems)")
    }

    @Test("a duplicate kid is refused, and every problem is reported at once")
    func duplicates() throws {
        var second = try Fixture.key("ec")
        second["kid"] = "rsa-1"
        let problems = try problems([
            Fixture.key("rsa"), second, Fixture.key("small"), ["kty": "oct", "k": "AAAA"],
        ])
        #expect(problems.count == 3, "\(problems)")
        #expect(problems[0].contains("another key has this \"kid\""))
    }

    @Test(
        "a key whose alg is not its type's, or whose members are malformed, is refused",
        arguments: [
            ("rsa", "alg", "HS256"), ("rsa", "alg", "ES256"), ("ec", "alg", "RS256"), ("rsa", "e", "AQ"),
            ("rsa", "e", "Ag"),
            ("rsa", "e", ""), ("rsa", "n", "AQAB"), ("rsa", "n", "not base64url"), ("rsa", "e", "AAEAAQ"),
            ("rsa", "d", "AQ"),
            ("ec", "d", "AQ"), ("ec", "x", "AQAB"),
            ("ec", "y", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            ("ec", "crv", ""), ("rsa", "kty", ""),
        ])
    func malformed(name: String, member: String, value: String) throws {
        var key = try Fixture.key(name)
        key[member] = value
        if value.isEmpty { key[member] = nil }
        #expect(try problems([key]).count == 1)
    }

    @Test(
        "a file that is no key set is refused",
        arguments: [
            "", "{}", "[]", #"{"keys":{}}"#, #"{"keys":[]}"#, #"{"keys":[1]}"#, #"{"keys":[{"kty":1}]}"#,
            #"{"keys":[],"keys":[]}"#, #"{"keys":[{"kty":"oct","use":"enc"}]}"#, "\u{FEFF}{}",
        ])
    func notASet(text: String) {
        #expect(throws: JSONWebKeySetError.self) { try JSONWebKeySet(parsing: Array(text.utf8)) }
    }

    @Test("nesting beyond the bound is refused and does not exhaust the stack")
    func deep() {
        let text = String(repeating: "[", count: 500_000)
        #expect(throws: StrictJSON.Malformed.self) { try StrictJSON(Array(text.utf8)) }
    }

    @Test("strings are read as RFC 8259 §7 says, and what it forbids is refused")
    func strings() throws {
        #expect(try StrictJSON(Array(#""\u00e9\ud83d\ude00\n\/""#.utf8)).text == "é😀\n/")
        for text in [
            #""\ud83d""#, #""\ude00""#, #""\ud83dx""#, #""\x""#, #""\u12""#, #""\u+123""#, "\"\n\"", "\"a",
        ] {
            #expect(throws: StrictJSON.Malformed.self, "\(text)") { try StrictJSON(Array(text.utf8)) }
        }
        #expect(throws: StrictJSON.Malformed.self) { try StrictJSON([0x22, 0xFF, 0x22]) }
        #expect(throws: StrictJSON.Malformed.self) { try StrictJSON([0x22, 0xC0, 0x80, 0x22]) }
    }

    @Test(
        "numbers are read as RFC 8259 §6 says",
        arguments: [
            ("0", 0.0), ("-1.5e2", -150.0), ("1E+2", 100.0), ("01", nil), ("1.", nil), (".5", nil),
            ("+1", nil), ("1e", nil),
            ("1e999", nil), ("NaN", nil), ("0x1", nil), ("-", nil),
        ] as [(String, Double?)])
    func numbers(text: String, value: Double?) {
        #expect((try? StrictJSON(Array(text.utf8)))?.double == value)
    }
}
