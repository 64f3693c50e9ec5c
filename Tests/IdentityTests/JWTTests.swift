import Digest
import Testing

@testable import Identity

@Suite("JWTVerifier: signatures")
struct JWTSignatureTests {
    @Test("the tokens of RFC 7515 appendix A.1 to A.3 verify", arguments: ["A.1", "A.2", "A.3"])
    func published(appendix: String) throws {
        let vector = try #require(Fixture.rfc()[appendix])
        var demands = JWTVerifier.Demands()
        demands.name = "iss"
        let verifier = JWTVerifier(
            keys: try JSONWebKeySet(parsing: Fixture.set([vector.key])), demands: demands)
        // The example expires at 1300819380 (RFC 7519 §3.1).
        let identity = try verifier.verify(vector.token, now: .seconds(1_300_819_000))
        #expect(identity == ClientIdentity(kind: .jwt, name: "joe", attributes: ["iss": "joe"]))
        #expect(throws: JWTError.expired) { try verifier.verify(vector.token, now: .seconds(1_300_819_410)) }
    }

    static let openssl = ["RS256", "RS256-2056", "ES256"]

    private func verifier() throws -> JWTVerifier {
        var demands = JWTVerifier.Demands()
        demands.issuers = ["https://issuer.example"]
        demands.audiences = ["samegate"]
        let keys = try Fixture.set([Fixture.key("rsa"), Fixture.key("rsaOdd"), Fixture.key("ec")])
        return JWTVerifier(keys: try JSONWebKeySet(parsing: keys), demands: demands)
    }

    @Test("tokens that openssl signed verify", arguments: openssl)
    func signedByOpenSSL(name: String) throws {
        let token = try #require(Fixture.openssl().tokens[name])
        let identity = try verifier().verify(token, now: TestToken.now)
        #expect(identity.name == "acme")
        #expect(identity.account == "jwt:22:https://issuer.example:acme")
    }

    @Test("no subject of a token without an issuer makes the account of one with it")
    func accounts() {
        func account(_ name: String, issuer: String? = nil) -> String {
            ClientIdentity(kind: .jwt, name: name, attributes: issuer.map { ["iss": $0] } ?? [:]).account
        }
        #expect(account("bob", issuer: "https://a") == "jwt:9:https://a:bob")
        #expect(account("9:https://a:bob") == "jwt:0::9:https://a:bob")
        #expect(account("9:https://a:bob") == account("9:https://a:bob", issuer: ""))
        #expect(account("bob") == "jwt:bob" && account("42") == "jwt:42" && account(":x") == "jwt::x")
        #expect(account("0::9:https://a:bob") != account("9:https://a:bob"))
    }

    @Test("a token changed at any one character is refused", arguments: openssl)
    func tampered(name: String) throws {
        let token = Array(try #require(Fixture.openssl().tokens[name]).utf8)
        let verifier = try verifier()
        for index in token.indices {
            // The bit that changes the value least, which in the last character is one that holds no data.
            for other in [token[index] ^ 1, UInt8(ascii: "A"), UInt8(ascii: "."), UInt8(ascii: "=")]
            where other != token[index] {
                var changed = token
                changed[index] = other
                #expect(throws: JWTError.self, "at \(index)") {
                    try verifier.verify(String(decoding: changed, as: UTF8.self), now: TestToken.now)
                }
            }
        }
    }

    @Test("a token cut short or made longer is refused", arguments: openssl)
    func cut(name: String) throws {
        let token = try #require(Fixture.openssl().tokens[name])
        let verifier = try verifier()
        for count in 0..<token.utf8.count {
            #expect(throws: JWTError.self) {
                try verifier.verify(String(token.prefix(count)), now: TestToken.now)
            }
        }
        for more in ["A", "AA", "AAAA", ".", " ", "=", ".AAAA"] {
            #expect(throws: JWTError.self) { try verifier.verify(token + more, now: TestToken.now) }
        }
    }

    @Test("a raw ECDSA signature becomes the DER form that openssl wrote (RFC 7518 §3.4)")
    func der() throws {
        let signatures = try Fixture.openssl().ders
        #expect(signatures.count >= 4)
        for signature in signatures {
            let raw = try #require(Hex.decode(signature.raw))
            #expect(Hex.encode(PublicKey.der(raw)) == signature.der)
        }
        #expect(PublicKey.der([UInt8](repeating: 0, count: 64)) == [0x30, 6, 2, 1, 0, 2, 1, 0])
    }

    @Test("signatures of zeros are refused (the blank ECDSA signature)")
    func blank() throws {
        let token = try #require(Fixture.openssl().tokens["ES256"])
        let dot = try #require(token.lastIndex(of: "."))
        let signed = token.prefix(upTo: dot)
        for count in [0, 1, 32, 63, 64, 65, 96] {
            let signature = Base64URL.encode([UInt8](repeating: 0, count: count))
            #expect(throws: JWTError.badSignature) {
                try verifier().verify("\(signed).\(signature)", now: TestToken.now)
            }
        }
    }

    @Test("an RSA key never verifies HS256 under its modulus (algorithm confusion)")
    func confusion() throws {
        let key = try Fixture.key("rsa")
        let verifier = JWTVerifier(keys: try JSONWebKeySet(parsing: Fixture.set([key])), demands: .init())
        let text = try #require(key["n"] as? String)
        let modulus = try #require(Base64URL.decode(text))
        for header in [#"{"alg":"HS256","kid":"rsa-1"}"#, #"{"alg":"HS256"}"#] {
            let signed =
                "\(Base64URL.encode(Array(header.utf8))).\(Base64URL.encode(Array(#"{"sub":"a","exp":1900000000}"#.utf8)))"
            let code = HMACKey(modulus).authenticate(Array(signed.utf8)).bytes
            #expect(throws: JWTError.self) {
                try verifier.verify("\(signed).\(Base64URL.encode(code))", now: TestToken.now)
            }
        }
    }
}

@Suite("JWTVerifier: headers and claims")
struct JWTClaimTests {
    static let good = #"{"sub":"acme","exp":1800000100}"#

    @Test(
        "headers that are not accepted are refused with their reason (RFC 7515 §4.1)",
        arguments: [
            (#"{"alg":"none"}"#, JWTError.unsupportedAlgorithm("none")),
            (#"{"alg":"None"}"#, .unsupportedAlgorithm("None")),
            (#"{"alg":"hs256"}"#, .unsupportedAlgorithm("hs256")),
            (#"{"alg":"HS512","kid":"s"}"#, .unsupportedAlgorithm("HS512")),
            (#"{"alg":"RS256","kid":"s"}"#, .algorithmMismatch(token: .rs256, key: .hs256)),
            (#"{"alg":"RS256"}"#, .ambiguousKey),
            (#"{"kid":"s"}"#, .malformed(member: "alg")),
            (#"{"alg":["HS256"],"kid":"s"}"#, .malformed(member: "alg")),
            (#"{"alg":"HS256","kid":7}"#, .malformed(member: "kid")),
            (#"{"alg":"HS256","kid":"t"}"#, .unknownKey("t")),
            (#"{"alg":"HS256","kid":"s","crit":[]}"#, .criticalExtensions),
            (#"{"alg":"HS256","kid":"s","crit":["b64"],"b64":false}"#, .criticalExtensions),
            (#"{"alg":"HS256","kid":"s","b64":false}"#, .criticalExtensions),
            (#"{"alg":"HS256","kid":"s","typ":"logout+jwt"}"#, .wrongType("logout+jwt")),
        ])
    func headers(header: String, error: JWTError) throws {
        let verifier = try TestToken.verifier()
        #expect(throws: error) {
            try verifier.verify(TestToken.make(header: header, payload: Self.good), now: TestToken.now)
        }
    }

    @Test(
        "a header with a member twice, or that is no object, is refused",
        arguments: [
            #"{"alg":"HS256","alg":"HS256","kid":"s"}"#, #"{"alg":"HS256","\u0061lg":"none","kid":"s"}"#,
            "[]", "7", "",
            #"{"alg":"HS256","kid":"s"} x"#, #"{"alg":"HS256","kid":"s",}"#, "{'alg':'HS256'}",
        ])
    func notOneObject(header: String) throws {
        let verifier = try TestToken.verifier()
        let error = #expect(throws: JWTError.self) {
            try verifier.verify(TestToken.make(header: header, payload: Self.good), now: TestToken.now)
        }
        guard case .notJSON(.header, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(
        "one-segment, JSON-serialised and encrypted tokens are refused",
        arguments: [
            "", ".", "..", "a.b", "a.b.c.d.e", #"{"payload":"","signatures":[]}"#, "e30=.e30.AA",
            "e30.e30.A A",
        ])
    func notCompact(token: String) throws {
        let verifier = try TestToken.verifier()
        #expect(throws: JWTError.self) { try verifier.verify(token, now: TestToken.now) }
    }

    @Test("a token longer than the bound is refused before it is read")
    func tooLong() throws {
        let verifier = try TestToken.verifier()
        let token = String(repeating: "a", count: JWTVerifier.bytesMax + 1)
        #expect(throws: JWTError.tooLong(bytes: JWTVerifier.bytesMax + 1)) {
            try verifier.verify(token, now: TestToken.now)
        }
    }

    @Test(
        "times are checked with the leeway at both edges (RFC 7519 §4.1.4 to §4.1.6)",
        arguments: [
            (#""exp":1799999971"#, nil), (#""exp":1799999970"#, JWTError.expired),
            (#""exp":1799999970.5"#, nil), (#""exp":"1900000000""#, .malformed(member: "exp")),
            (#""exp":1e300"#, .malformed(member: "exp")), (#""exp":-1"#, .malformed(member: "exp")),
            (#""exp":null"#, .malformed(member: "exp")), (#""iat":1"#, .malformed(member: "exp")),
            (#""exp":1900000000,"nbf":1800000030"#, nil),
            (#""exp":1900000000,"nbf":1800000031"#, .notYetValid),
            (#""exp":1900000000,"iat":1800000030"#, nil),
            (#""exp":1900000000,"iat":1800000031"#, .issuedInFuture),
        ] as [(String, JWTError?)])
    func times(claims: String, error: JWTError?) throws {
        let token = TestToken.make(payload: #"{"sub":"acme",\#(claims)}"#)
        let verifier = try TestToken.verifier()
        if let error {
            #expect(throws: error) { try verifier.verify(token, now: TestToken.now) }
        } else {
            #expect(try verifier.verify(token, now: TestToken.now).name == "acme")
        }
    }

    @Test(
        "issuer, audience and name are checked (RFC 7519 §4.1.1 to §4.1.3)",
        arguments: [
            (#""iss":"i","aud":"a""#, nil), (#""iss":"i","aud":["b","a"]"#, nil),
            (#""iss":"j","aud":"a""#, JWTError.wrongIssuer), (#""aud":"a""#, .wrongIssuer),
            (#""iss":"i""#, .wrongAudience), (#""iss":"i","aud":"b""#, .wrongAudience),
            (#""iss":"i","aud":[]"#, .wrongAudience),
            (#""iss":"i","aud":["a",7]"#, .malformed(member: "aud")),
            (#""iss":"i","aud":{"a":"a"}"#, .malformed(member: "aud")),
            (#""iss":["i"],"aud":"a""#, .malformed(member: "iss")),
        ] as [(String, JWTError?)])
    func parties(claims: String, error: JWTError?) throws {
        let token = TestToken.make(payload: #"{"sub":"acme","exp":1800000100,\#(claims)}"#)
        let verifier = try TestToken.verifier {
            $0.issuers = ["i"]
            $0.audiences = ["a"]
        }
        if let error {
            #expect(throws: error) { try verifier.verify(token, now: TestToken.now) }
        } else {
            #expect(try verifier.verify(token, now: TestToken.now).attributes == ["iss": "i"])
        }
    }

    @Test("a token for some audience is refused where no audience is configured (RFC 7519 §4.1.3)")
    func unconfiguredAudience() throws {
        let token = TestToken.make(payload: #"{"sub":"acme","exp":1800000100,"aud":"other"}"#)
        let verifier = try TestToken.verifier()
        #expect(throws: JWTError.wrongAudience) { try verifier.verify(token, now: TestToken.now) }
    }

    @Test(
        "names that could forge log lines, are empty or too long are refused",
        arguments: [
            #""""#, #""a\nb""#, #""\u0000""#, #""\u001b[2J""#, "7",
            "\"\(String(repeating: "x", count: 257))\"",
        ])
    func names(name: String) throws {
        let token = TestToken.make(payload: #"{"sub":\#(name),"exp":1800000100}"#)
        let verifier = try TestToken.verifier()
        #expect(throws: JWTError.malformed(member: "sub")) { try verifier.verify(token, now: TestToken.now) }
    }

    @Test("a lifetime is bounded and a leeway is cut to its bound where configured")
    func bounds() throws {
        let token = TestToken.make(payload: #"{"sub":"acme","exp":1800003631}"#)
        let strict = try TestToken.verifier { $0.lifetimeMax = .seconds(3600) }
        #expect(throws: JWTError.livesTooLong) { try strict.verify(token, now: TestToken.now) }
        #expect(try strict.verify(token, now: TestToken.now + .seconds(1)).name == "acme")
        let lax = try TestToken.verifier { $0.leeway = .seconds(100_000) }
        #expect(throws: JWTError.expired) { try lax.verify(token, now: .seconds(1_800_003_931)) }
        #expect(try lax.verify(token, now: .seconds(1_800_003_930)).name == "acme")
    }

    @Test("the public reason does not tell an unknown key from a wrong signature")
    func publicReasons() {
        #expect(JWTError.unknownKey("x").publicReason == JWTError.badSignature.publicReason)
        #expect(JWTError.ambiguousKey.publicReason == JWTError.badSignature.publicReason)
    }

    @Test("accounts of different issuers and kinds are different, whatever the names contain")
    func accounts() {
        let accounts = [
            ClientIdentity(kind: .jwt, name: "c", attributes: ["iss": "a:b"]).account,
            ClientIdentity(kind: .jwt, name: "b:c", attributes: ["iss": "a"]).account,
            ClientIdentity(kind: .jwt, name: "c").account, ClientIdentity(kind: .apiKey, name: "c").account,
            ClientIdentity.certificate(name: "c", fingerprint: "00").account,
            ClientIdentity.anonymous.account,
        ]
        #expect(Set(accounts).count == accounts.count)
    }
}
