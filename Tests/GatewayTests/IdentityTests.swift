import Client
import Digest
import Foundation
import HTTPWire
import Identity
import Synchronization
import Testing
import Transport

@testable import Gateway
@testable import Settings

@Suite("Gateway: who asks")
struct IdentityTests {
    /// Keys that are good, for one route alone, and over.
    struct Keys {
        let good, narrow, over: (key: APIKey, record: APIKeyRecord)

        init() throws {
            good = try APIKeyRecord.make(id: "lab-1")
            narrow = try APIKeyRecord.make(id: "narrow", routes: ["rest"])
            over = try APIKeyRecord.make(id: "over", expires: .seconds(86400))
        }

        var file: String {
            [good, narrow, over].map { $0.record.line + "\n" }.joined()
        }
    }

    static let secret = [UInt8](repeating: 0x5A, count: 32)
    static let keySet = #"{"keys":[{"kty":"oct","kid":"s","k":"\#(Base64URL.encode(secret))"}]}"#

    /// A token signed with the set's secret, good for ten minutes.
    static func token(_ subject: String, issuer: String = "https://login") -> String {
        let ends = Int(Date().timeIntervalSince1970) + 600
        let parts = [
            #"{"alg":"HS256","kid":"s"}"#,
            #"{"sub":"\#(subject)","iss":"\#(issuer)","aud":"samegate","exp":\#(ends)}"#,
        ]
        let signed = parts.map { Base64URL.encode(Array($0.utf8)) }.joined(separator: ".")
        return signed + "." + Base64URL.encode(HMACKey(secret).authenticate(Array(signed.utf8)).bytes)
    }

    static let section = """
        identity:
          api_keys: keys
          jwt: {jwks: jwks.json, issuers: ["https://login"], audiences: [samegate]}
        """

    /// A gateway that knows these keys; the files are there before the settings are read.
    static func make(
        _ keys: Keys, authenticate: String = "required", rest: String = "none", bands: String = Plan().bands,
        clock: any LoopClock = SystemClock()
    ) throws -> GatewayFixture {
        var plan = Plan(bands: bands)
        plan.authenticate = authenticate
        plan.restKeys = ", authenticate: \(rest)"
        plan.sections = section
        plan.files = ["keys": keys.file, "jwks.json": keySet]
        return try GatewayFixture.make(plan, clock: clock)
    }

    /// A clock that goes by itself, but on whose wall stands what the test says.
    private final class SetClock: LoopClock {
        let wall: Atomic<Int64>

        init(_ seconds: Int64) { wall = Atomic(seconds) }

        func now() -> MonotonicTime { SystemClock().now() }
        func wallSeconds() -> Int64 { wall.load(ordering: .relaxed) }
        var manual: ManualClock? { nil }
    }

    @Test("keys and tokens end by the wall clock, also when that is set while the gateway runs")
    func wallClock() throws {
        let keys = try Keys()
        // The key ends a day after the era began.
        let clock = SetClock(86400 - 60)
        let fixture = try Self.make(keys, clock: clock)
        let picture = try fixture.model.picture(5..<45)
        let key: KeyValuePairs<String, String> = ["X-API-Key": keys.over.key.text]
        #expect(try fixture.ask(picture, fields: key).status == 200)
        clock.wall.store(86400 + 60, ordering: .relaxed)
        #expect(try fixture.ask(picture, fields: key).status == 401)
        clock.wall.store(86400 - 60, ordering: .relaxed)
        #expect(try fixture.ask(picture, fields: key).status == 200)
        let token: KeyValuePairs<String, String> = ["Authorization": "Bearer \(Self.token("alice"))"]
        #expect(try fixture.ask(picture, fields: token).status == 200)
        clock.wall.store(Int64(Date().timeIntervalSince1970) + 3600, ordering: .relaxed)
        #expect(try fixture.ask(picture, fields: token).status == 401)
    }

    @Test(
        "without credentials a route that requires them answers 401 before the body is read, and the victim is not asked"
    )
    func missing() throws {
        let fixture = try Self.make(try Keys())
        let answer = try fixture.ask(try fixture.model.picture(5..<45))
        #expect(answer.status == 401)
        #expect(try answer.problemKind() == "unauthenticated")
        #expect(answer.fields.value("www-authenticate") == "Bearer realm=\"samegate\"")
        // Only the head is sent: whoever waited for the body would never answer (RFC 9110 §15.5.2).
        let raw = try RawConnection(port: try fixture.port)
        raw.send("POST /v1/models/m:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        #expect(raw.line() == "HTTP/1.1 401 Unauthorized")
        raw.close()
        #expect(fixture.victim.seen.isEmpty)
        #expect(fixture.gateway.counters.unauthenticated.load(ordering: .relaxed) == 2)
    }

    @Test("a key in its own field and as a bearer token, and a signed token, name the client in both logs")
    func accepted() throws {
        let keys = try Keys()
        let fixture = try Self.make(keys)
        let picture = try fixture.model.picture(5..<45)
        let token = Self.token("alice")
        let ways: [KeyValuePairs<String, String>] = [
            ["X-API-Key": keys.good.key.text], ["Authorization": "bearer \(keys.good.key.text)"],
            ["Authorization": "Bearer \(token)"],
        ]
        for fields in ways { #expect(try fixture.ask(picture, fields: fields).status == 200) }
        for seen in fixture.victim.seen {
            #expect(!seen.fields.contains("authorization") && !seen.fields.contains("x-api-key"))
        }
        let accounts = ["api-key:lab-1", "api-key:lab-1", "jwt:13:https://login:alice"]
        #expect(try fixture.lines("decisions").compactMap { $0["client"] as? String } == accounts)
        let accesses = try fixture.lines("access")
        #expect(accesses.compactMap { $0["client"] as? String }.sorted() == accounts.sorted())
        #expect(accesses.allSatisfy { $0["address"] as? String == "127.0.0.1" })
    }

    @Test(
        "a key at the wrong door is 403, an expired, wrong or foreign one 401, two at once 400; none says why in detail"
    )
    func refused() throws {
        let keys = try Keys()
        let fixture = try Self.make(keys)
        let other = try APIKeyRecord.make(id: "lab-1").key.text
        let cases: [(KeyValuePairs<String, String>, Int, String)] = [
            (["X-API-Key": keys.narrow.key.text], 403, "forbidden"),
            (["X-API-Key": keys.over.key.text], 401, "unauthenticated"),
            (["X-API-Key": other], 401, "unauthenticated"),
            (["X-API-Key": "letmein"], 401, "unauthenticated"),
            (["Authorization": "Basic YTpi"], 401, "unauthenticated"),
            (
                ["Authorization": "Bearer \(Self.token("eve", issuer: "https://evil"))"], 401,
                "unauthenticated"
            ),
            (["Authorization": "Bearer \(Self.token("a"))x"], 401, "unauthenticated"),
            (
                ["X-API-Key": keys.good.key.text, "Authorization": "Bearer \(Self.token("a"))"], 400,
                "credentials"
            ),
        ]
        for (fields, status, kind) in cases {
            let answer = try fixture.ask(body: [], fields: fields)
            #expect(answer.status == status, "\(fields)")
            #expect(try answer.problemKind() == kind, "\(fields)")
            #expect(answer.fields.value("www-authenticate")?.hasPrefix("Bearer realm=") == true)
            #expect(!answer.text.contains("lab-1") && !answer.text.contains("evil"))
        }
        #expect(fixture.victim.seen.isEmpty)
    }

    @Test("where credentials are optional none is anonymous, and wrong ones are refused all the same")
    func optional() throws {
        let fixture = try Self.make(try Keys(), authenticate: "optional")
        let picture = try fixture.model.picture(5..<45)
        #expect(try fixture.ask(picture).status == 200)
        #expect(try fixture.ask(picture, fields: ["X-API-Key": "sg1.a.b"]).status == 401)
        #expect(try fixture.lines("decisions").compactMap { $0["client"] as? String } == ["127.0.0.1"])
        #expect(try fixture.lines("access").allSatisfy { $0["address"] == nil })
    }

    @Test("guesses at credentials are charged to the route's rates, and end in 429")
    func guesses() throws {
        let keys = try Keys()
        var plan = Plan()
        plan.restKeys = ", authenticate: required, rates: [r]"
        plan.sections = Self.section + "\nrates: {r: {cells: 2, per: 3600s}}\n"
        plan.files = ["keys": keys.file, "jwks.json": Self.keySet]
        let fixture = try GatewayFixture.make(plan)
        let statuses = try (0..<4).map { _ in
            try fixture.ask(body: [1], path: "/x", fields: ["X-API-Key": "sg1.a.b"]).status
        }
        #expect(statuses == [401, 401, 429, 429])
        // A client that says who it is has a quota of its own.
        #expect(
            try fixture.ask(body: [1], path: "/x", fields: ["X-API-Key": keys.good.key.text]).status == 200)
    }

    @Test("guesses are not charged to a quota that others share: nobody without credentials can use it up")
    func guessesOfOthers() throws {
        let keys = try Keys()
        var plan = Plan()
        plan.restKeys = ", authenticate: required, rates: [r]"
        plan.sections = Self.section + "\nrates: {r: {cells: 2, per: 3600s, by: route}}\n"
        plan.files = ["keys": keys.file, "jwks.json": Self.keySet]
        let fixture = try GatewayFixture.make(plan)
        func status(_ key: String) throws -> Int {
            try fixture.ask(body: [1], path: "/x", fields: ["X-API-Key": key]).status
        }
        for _ in 0..<4 { #expect(try status("sg1.a.b") == 401) }
        #expect(try (0..<3).map { _ in try status(keys.good.key.text) } == [200, 200, 429])
    }

    @Test("a route is for the clients that it names, and others are refused with 403")
    func clients() throws {
        let keys = try Keys()
        var plan = Plan()
        plan.restKeys = ", authenticate: required, clients: ['api-key:lab-1', 'jwt:*']"
        plan.sections = Self.section
        plan.files = ["keys": keys.file, "jwks.json": Self.keySet]
        let fixture = try GatewayFixture.make(plan)
        func status(_ fields: KeyValuePairs<String, String>) throws -> Int {
            try fixture.ask(body: [1], path: "/x", fields: fields).status
        }
        #expect(try status(["X-API-Key": keys.good.key.text]) == 200)
        #expect(try status(["Authorization": "Bearer \(Self.token("ann"))"]) == 200)
        #expect(try status(["X-API-Key": keys.narrow.key.text]) == 403)
        #expect(try status([:]) == 401)
        #expect(fixture.victim.seen.count == 2)
    }

    @Test("a reload says which files have new content")
    func newKeys() throws {
        let fixture = try Self.make(try Keys())
        #expect(try fixture.gateway.reload(fixture.settings).isEmpty)
        try Data(try Keys().file.utf8).write(to: URL(fileURLWithPath: fixture.folder + "/keys"))
        #expect(try fixture.gateway.reload(fixture.settings) == ["identity.api_keys: has new content"])
    }

    @Test(
        "streamed routes ask too; where nobody is asked a foreign Authorization passes and the gateway's keys do not"
    )
    func streamed() throws {
        let keys = try Keys()
        let asking = try Self.make(keys, rest: "required")
        #expect(try asking.ask(body: [1], path: "/x").status == 401)
        #expect(
            try asking.ask(body: [1], path: "/x", fields: ["X-API-Key": keys.narrow.key.text]).status == 200)
        #expect(
            asking.victim.seen.count == 1
                && asking.victim.seen[0].fields.firstIndex(named: "X-API-Key") == nil)
        #expect(try asking.lines("access").compactMap { $0["client"] as? String }.contains("api-key:narrow"))
        let open = try Self.make(keys)
        let basic = "Basic YTpi"
        _ = try open.ask(
            body: [], path: "/x", fields: ["Authorization": basic, "X-API-Key": keys.good.key.text])
        _ = try open.ask(body: [], path: "/x", fields: ["Authorization": "Bearer \(keys.good.key.text)"])
        #expect(open.victim.seen.map { $0.fields.value("authorization") } == [basic, nil])
        #expect(open.victim.seen.allSatisfy { $0.fields.firstIndex(named: "X-API-Key") == nil })
    }

    @Test("another method, version or spelling is no way around a route that requires a key")
    func around() throws {
        let fixture = try Self.make(try Keys())
        for path in ["/v1/models/m/versions/1:predict", "/V1/MODELS/m:predict"] {
            #expect(try fixture.ask(body: [], path: path).status == 401)
        }
        #expect(try fixture.ask(body: [], method: .put).status == 405)
        #expect(fixture.victim.seen.isEmpty)
    }

    @Test("a proof of one account does not open another's answer")
    func binding() throws {
        let keys = try Keys()
        let fixture = try Self.make(keys, authenticate: "optional", bands: Plan.proofOfWork)
        let picture = try fixture.model.picture(60..<95)
        let mine: KeyValuePairs<String, String> = ["X-API-Key": keys.good.key.text]
        let challenge = try fixture.ask(picture, fields: mine).challenge()
        let proof = try ProofTests.solve(challenge)
        let body = fixture.body([picture])
        #expect(try fixture.ask(picture, proof: proof).status == 403)
        let alice = try fixture.ask(
            body: body,
            fields: [ProofField.name: proof.value, "Authorization": "Bearer \(Self.token("alice"))"])
        #expect(alice.status == 403)
        let own = try fixture.ask(
            body: body, fields: [ProofField.name: proof.value, "X-API-Key": keys.good.key.text])
        #expect(own.status == 200)
    }

    @Test(
        "everything that is wrong with the files of keys is reported at once, with its path in the configuration"
    )
    func badFiles() throws {
        var plan = Plan()
        plan.authenticate = "required"
        plan.sections = Self.section
        let stray = try APIKeyRecord.make(id: "x", routes: ["elsewhere"]).record.line
        plan.files = ["keys": "lab sha256:00:11\n\nlab2\n", "jwks.json": #"{"keys":[{"kty":"oct"}]}"#]
        var problems = try plan.problems()
        #expect(problems.map(\.path) == ["identity.api_keys", "identity.api_keys", "identity.jwt.jwks"])
        #expect(problems[0].message.contains("keys:1: ") && problems[1].message.contains("keys:3: "))
        #expect(problems[2].message.contains("jwks.json: key 1"))
        plan.files = ["keys": stray, "jwks.json": Self.keySet]
        problems = try plan.problems()
        #expect(problems.count == 1 && problems[0].message.contains("\"elsewhere\""))
    }
}
