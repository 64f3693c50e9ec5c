import Client
import Coding
import HTTPWire
import Testing

@testable import Gateway

@Suite("Gateway: answers of protected routes in a content coding")
struct AnswerCodingTests {
    private static let rows = Array(#"{"predictions": [[0.2, 0.5, 0.3]]}"#.utf8)

    private func victim(_ fixture: GatewayFixture, _ coding: ContentCoding, _ lines: [String] = []) throws {
        fixture.victim.play(
            .fixed(
                200,
                ["Content-Type: application/json", "Content-Encoding: \(coding.name)", "ETag: \"e\""] + lines,
                try Deflater.encode(Self.rows, coding, level: 6)))
    }

    private func decoded(_ answer: ClientResponse) throws -> [UInt8] {
        let codings = try ContentCoding.applied(answer.fields.values("content-encoding"), codingsMax: 1)
        return try BodyDecoder.decode(
            answer.body, codings, limits: DecodingLimits(bytesMax: 1 << 20, ratioMax: 1032))
    }

    @Test(
        "the upstream is told what can be undone, whatever the client accepts",
        arguments: ["identity", "gzip"])
    func upstream(setting: String) throws {
        let fixture = try GatewayFixture.make(Plan(protectKeys: ", accept_encoding: \(setting)"))
        _ = try fixture.ask(
            body: fixture.body([try fixture.model.picture(5..<45)]), fields: ["Accept-Encoding": "br, gzip"])
        let wanted = setting == "gzip" ? "gzip, deflate" : "identity"
        #expect(fixture.victim.seen[0].fields.values("accept-encoding") == [wanted])
    }

    @Test("a coded answer is read and perturbed, and goes out as the client accepts (RFC 9110 §12.5.3)")
    func perturbed() throws {
        let fixture = try GatewayFixture.make(Plan(bands: Plan.perturb))
        let picture = try fixture.model.picture(80..<99)
        for coding in ContentCoding.allCases {
            // no-transform: the policy goes first (RFC 9111 §5.2.2.6), in the upstream's coding.
            try victim(fixture, coding, ["Cache-Control: no-transform", "Accept-Ranges: bytes"])
            let plain = try fixture.ask(picture)
            let fields: KeyValuePairs<String, String> = ["Accept-Encoding": "gzip"]
            let gzip = try fixture.ask(body: fixture.body([picture]), fields: fields)
            #expect(plain.fields.value("content-encoding") == nil)
            #expect(gzip.fields.value("content-encoding") == "gzip")
            #expect(plain.body != Self.rows)
            #expect(try decoded(gzip) == plain.body)
            for answer in [plain, gzip] {
                #expect(answer.status == 200 && !answer.fields.contains("etag"))
                #expect(answer.fields.value("content-length") == String(answer.body.count))
                #expect(answer.fields.value("vary") == "Accept-Encoding")
                #expect(!answer.fields.contains("accept-ranges"))
            }
        }
        #expect(fixture.gateway.services.codings.counters.answersDecoded.load(ordering: .relaxed) == 4)
    }

    @Test("an answer that passes keeps the upstream's very bytes for a client that takes them")
    func passed() throws {
        let fixture = try GatewayFixture.make()
        let picture = try fixture.model.picture(5..<45)
        try victim(fixture, .gzip)
        let coded = try fixture.ask(body: fixture.body([picture]), fields: ["Accept-Encoding": "gzip"])
        #expect(coded.body == fixture.victim.answers[0] && coded.fields.value("etag") == "\"e\"")
        #expect(coded.fields.value("content-encoding") == "gzip")
        let plain = try fixture.ask(body: fixture.body([picture]), fields: ["Accept-Encoding": "br"])
        #expect(plain.body == Self.rows && plain.fields.value("content-encoding") == nil)
        // RFC 9110 §8.8.1: other bytes, so no strong validator.
        #expect(plain.fields.value("etag") == "W/\"e\"")
        let lines = try fixture.lines("access")
        #expect(lines.map { $0["answer_encoding"] as? String } == ["gzip", nil])
    }

    @Test("an answer that waited for its proof is coded as the request that brings the proof accepts")
    func withheld() throws {
        let fixture = try GatewayFixture.make(
            Plan(bands: Plan.proofOfWork, sections: "compress: {min_bytes: 0}"))
        let body = fixture.body([try fixture.model.picture(80..<99)])
        let challenge = try fixture.ask(body: body).challenge()
        let proof = try ProofTests.solve(challenge)
        let answer = try fixture.ask(
            body: body, fields: [ProofField.name: proof.value, "Accept-Encoding": "deflate"])
        #expect(answer.status == 200 && answer.fields.value("content-encoding") == "deflate")
        #expect(try decoded(answer) == fixture.victim.answers[0])
    }

    @Test(
        "without a rule answers are coded only for clients that refuse them plain; with none left it is 406")
    func refused() throws {
        let fixture = try GatewayFixture.make()
        let body = fixture.body([try fixture.model.picture(5..<45)])
        func ask(_ accepted: String) throws -> ClientResponse {
            try fixture.ask(body: body, fields: ["Accept-Encoding": accepted])
        }
        #expect(try ask("gzip").fields.value("content-encoding") == nil)
        #expect(try ask("gzip, identity;q=0").fields.value("content-encoding") == "gzip")
        let seen = fixture.victim.seen.count
        let answer = try ask("br, *;q=0")
        #expect(answer.status == 406)
        #expect(try answer.problemKind() == "not-acceptable")
        #expect(fixture.victim.seen.count == seen)
    }

    @Test("an answer that cannot be decoded cannot be read; one that grows too long is refused")
    func unreadable() throws {
        let fixture = try GatewayFixture.make(
            Plan(onUnreadableAnswer: "reject", sections: "limits: {answer_bytes: 100KiB}"))
        let picture = try fixture.model.picture(5..<45)
        fixture.victim.play(.fixed(200, ["Content-Encoding: gzip"], [1, 2, 3]))
        #expect(try fixture.ask(picture).problemKind() == "unreadable-answer")
        fixture.victim.play(.fixed(200, ["Content-Encoding: br"], [1, 2, 3]))
        #expect(try fixture.ask(picture).problemKind() == "unreadable-answer")
        let bomb = try Deflater.encode([UInt8](repeating: 0x20, count: 1 << 20), .gzip, level: 9)
        fixture.victim.play(.fixed(200, ["Content-Encoding: gzip"], bomb))
        #expect(try fixture.ask(picture).status == 502)
    }
}
