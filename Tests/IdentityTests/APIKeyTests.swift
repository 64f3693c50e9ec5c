import Digest
import Testing

@testable import Identity

@Suite("API keys")
struct APIKeyTests {
    static let now = Duration.seconds(1_800_000_000)

    private func ring(_ records: APIKeyRecord...) throws -> APIKeyRing {
        try APIKeyRing(parsing: Array(records.map(\.line).joined(separator: "\n").utf8))
    }

    @Test("a made key is known by its record, and its file does not hold it")
    func made() throws {
        let (key, record) = try APIKeyRecord.make(
            id: "acme-1", expires: .seconds(1_900_000_000), routes: ["predict", "meta"],
            comment: "for # tests")
        let ring = try ring(record)
        let identity = try ring.identify(key.text, route: "predict", now: Self.now)
        #expect(identity == ClientIdentity(kind: .apiKey, name: "acme-1"))
        #expect(!record.line.contains(key.text.suffix(43)))
        #expect(ring.routes == ["predict", "meta"])
        #expect(record.line.hasSuffix("expires=2030-03-17T17:46:40Z routes=meta,predict # for # tests"))
    }

    @Test("the hash is SHA-256 of the salt and the key (checked with sha256sum)")
    func hash() throws {
        let file = "a sha256:000102030405060708090a0b0c0d0e0f:\(Self.sha256sum)\n"
        let ring = try APIKeyRing(parsing: Array(file.utf8))
        #expect(try ring.identify("sg1.a.AAECAwQFBgcICQoLDA0ODw", route: "r", now: Self.now).name == "a")
    }

    /// printf '\0\1…\17sg1.a.AAECAwQFBgcICQoLDA0ODw' | sha256sum
    static let sha256sum = "58ef3ec162ef7d861ec594e63158833b695ec01cc68376066d3ae7496efd5c95"

    @Test("a key changed at any character is refused")
    func tampered() throws {
        let (key, record) = try APIKeyRecord.make(id: "acme")
        let ring = try ring(record)
        let text = Array(key.text.utf8)
        for index in text.indices {
            for other in [text[index] ^ 1, UInt8(ascii: "A"), UInt8(ascii: ".")] where other != text[index] {
                var changed = text
                changed[index] = other
                #expect(throws: APIKeyError.self) {
                    try ring.identify(String(decoding: changed, as: UTF8.self), route: "r", now: Self.now)
                }
            }
            #expect(throws: APIKeyError.self) {
                try ring.identify(String(decoding: text[..<index], as: UTF8.self), route: "r", now: Self.now)
            }
        }
    }

    @Test("a key's end and routes bind, and are told only to its holder")
    func bounds() throws {
        let (key, record) = try APIKeyRecord.make(id: "acme", expires: Self.now, routes: ["predict"])
        let (other, _) = try APIKeyRecord.make(id: "acme")
        let ring = try ring(record)
        let before = Self.now - .nanoseconds(1)
        #expect(try ring.identify(key.text, route: "predict", now: before).name == "acme")
        #expect(throws: APIKeyError.expired(id: "acme")) {
            try ring.identify(key.text, route: "predict", now: Self.now)
        }
        #expect(throws: APIKeyError.wrongRoute(id: "acme", route: "x")) {
            try ring.identify(key.text, route: "x", now: before)
        }
        #expect(throws: APIKeyError.wrongSecret(id: "acme")) {
            try ring.identify(other.text, route: "predict", now: Self.now)
        }
        #expect(APIKeyError.unknown(id: "a").publicReason == APIKeyError.wrongSecret(id: "a").publicReason)
    }

    @Test("short secrets, bad ids, routes and comments are refused at creation")
    func creation() {
        #expect(throws: APIKeyProblem.shortSecret(bytes: 15)) {
            try APIKey(id: "a", secret: [UInt8](repeating: 1, count: 15))
        }
        #expect(throws: APIKeyProblem.longSecret(bytes: 65)) {
            try APIKey(id: "a", secret: [UInt8](repeating: 1, count: 65))
        }
        for id in ["", "a.b", "a b", "é", String(repeating: "x", count: 65)] {
            #expect(throws: APIKeyProblem.badID) { try APIKeyRecord.make(id: id) }
        }
        for route in ["", "a,b", "a b", "a#b", "é"] {
            #expect(throws: APIKeyProblem.badRoute(route)) { try APIKeyRecord.make(id: "a", routes: [route]) }
        }
        #expect(throws: APIKeyProblem.badComment) { try APIKeyRecord.make(id: "a", comment: "x\ny") }
    }

    @Test("every malformed line is reported at once with its number, and no line's content")
    func malformed() throws {
        let hash = String(repeating: "0", count: 64)
        let salt = String(repeating: "0", count: 32)
        let good = "sha256:\(salt):\(hash)"
        let lines = [
            "# a comment", "", "  \t", "ok \(good)", "ok \(good)", "a.b \(good)", "no-hash",
            "c md5:\(salt):\(hash)",
            "d sha256:\(salt.dropLast()):\(hash)", "e sha256:\(salt):\(hash)0",
            "f \(good) expires=2027-02-29",
            "g \(good) expires=2027-01-01 expires=2027-01-01", "h \(good) routes=a,,b", "i \(good) admin",
            "j sg1.j.c2VjcmV0c2VjcmV0c2VjcmV0", "k \(good) expires=2028-02-29T23:59:59Z routes=a # fine\r",
            String(repeating: "x", count: 5000),
        ]
        let bytes = Array(lines.joined(separator: "\n").utf8) + [0x0A, 0xFF, 0x0A]
        let error = try #require(throws: APIKeyFileError.self) { try APIKeyRing(parsing: bytes) }
        #expect(error.problems.map(\.line) == [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18])
        #expect(!error.description.contains("c2Vj"))
    }

    @Test(
        "dates are those of the calendar (checked with date -d)",
        arguments: [
            ("1970-01-01", 0), ("2000-02-29", 951_782_400), ("2100-03-01", 4_107_542_400),
            ("2027-01-31T23:59:59Z", 1_801_439_999),
            ("2100-02-29", nil), ("2027-13-01", nil), ("2027-00-10", nil), ("2027-01-01T24:00:00Z", nil),
            ("2027-1-1", nil),
            ("2027-01-01 00:00:00Z", nil), ("2027-01-01T00:00:00", nil), ("+027-01-01", nil),
        ] as [(String, Int64?)])
    func dates(text: String, seconds: Int64?) {
        let time = CalendarTime.parse(text)
        #expect(time?.components.seconds == seconds)
        #expect(APIKeyRecord.expiry(parsing: text) == time)
        if let time, text.utf8.count == 20 { #expect(CalendarTime.format(time) == text) }
    }
}

@Suite("Authenticator")
struct AuthenticatorTests {
    private func make() throws -> (Authenticator, String, String) {
        let (key, record) = try APIKeyRecord.make(id: "acme", routes: ["r"])
        let ring = try APIKeyRing(parsing: Array(record.line.utf8))
        let token = TestToken.make(payload: JWTClaimTests.good)
        return (Authenticator(keys: ring, tokens: try TestToken.verifier()), key.text, token)
    }

    @Test(
        "keys come in both fields, tokens as bearer; without credentials a client is anonymous or its certificate's"
    )
    func kinds() throws {
        let (authenticator, key, token) = try make()
        let certificate = ClientIdentity.certificate(name: "CN=c", fingerprint: "ab")
        func kind(_ credentials: Authenticator.Credentials) throws -> ClientIdentity.Kind {
            try authenticator.identify(credentials, route: "r", now: TestToken.now).kind
        }
        #expect(try kind(.init()) == .anonymous)
        #expect(try kind(.init(certificate: certificate)) == .certificate)
        #expect(try kind(.init(authorization: ["Bearer \(key)"])) == .apiKey)
        #expect(try kind(.init(authorization: ["bearer  \(token)"])) == .jwt)
        #expect(try kind(.init(apiKey: [key], certificate: certificate)) == .apiKey)
    }

    @Test("a wrong credential is never the same as none, and several are refused")
    func wrong() throws {
        let (authenticator, key, token) = try make()
        let certificate = ClientIdentity.certificate(name: "CN=c", fingerprint: "ab")
        func error(_ credentials: Authenticator.Credentials, route: String = "r") -> AuthenticationError? {
            #expect(throws: AuthenticationError.self) {
                try authenticator.identify(credentials, route: route, now: TestToken.now)
            }
        }
        #expect(error(.init(authorization: ["Bearer x.y.z"], certificate: certificate))?.status == 401)
        #expect(error(.init(authorization: ["Basic YTpi"])) == .scheme)
        #expect(error(.init(authorization: ["Bearer"])) == .scheme)
        #expect(error(.init(authorization: [""])) == .scheme)
        #expect(error(.init(apiKey: [""])) == .key(.malformed))
        #expect(error(.init(apiKey: [token])) == .key(.malformed))
        #expect(error(.init(authorization: ["Bearer \(token)"], apiKey: [key])) == .several)
        #expect(error(.init(apiKey: [key, key]))?.status == 400)
        #expect(error(.init(apiKey: [key]), route: "other")?.status == 403)
    }

    @Test("a 401 challenges as RFC 6750 §3 says, without an error code when nothing was sent")
    func challenges() {
        #expect(AuthenticationError.missing.challenge(realm: "samegate") == #"Bearer realm="samegate""#)
        #expect(
            AuthenticationError.token(.expired).challenge(realm: "samegate")
                == #"Bearer realm="samegate", error="invalid_token", error_description="the token has expired""#
        )
    }

    @Test("kinds of credentials that are not configured are refused")
    func unconfigured() {
        let authenticator = Authenticator(keys: nil, tokens: nil)
        #expect(throws: AuthenticationError.notAccepted(.jwt)) {
            try authenticator.identify(.init(authorization: ["Bearer a.b.c"]), route: "r", now: .zero)
        }
        #expect(throws: AuthenticationError.notAccepted(.apiKey)) {
            try authenticator.identify(.init(apiKey: ["sg1.a.b"]), route: "r", now: .zero)
        }
    }
}
