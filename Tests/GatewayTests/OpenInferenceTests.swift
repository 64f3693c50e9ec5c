import Client
import Foundation
import HTTPWire
import Policy
import Query
import Tensor
import Testing

@testable import Gateway

@Suite("Gateway: the Open Inference Protocol, end to end")
struct OpenInferenceTests {
    private static let field = "Inference-Header-Content-Length"

    private static func plan(_ change: (inout Plan) -> Void = { _ in }) -> Plan {
        var plan = Plan()
        plan.wireProtocol = "open-inference"
        plan.path = "/v2/models/m/infer"
        change(&plan)
        return plan
    }

    private func encoder(_ fixture: GatewayFixture) -> QueryEncoder {
        QueryEncoder(
            QueryFormat(
                wireProtocol: .openInference, layout: .hwc, range: ValueRange(low: -1, high: 1),
                shape: fixture.model.image))
    }

    private func batch(_ fixture: GatewayFixture, _ pictures: [Float]...) -> QueryBatch {
        QueryBatch(shape: fixture.model.image, values: Array(pictures.joined()))
    }

    /// The tiny model's answers, as text or raw.
    private func answer(_ batch: QueryBatch, raw: Bool) -> WireBody {
        let values = (0..<batch.rows).flatMap { TinyModel.answer(to: batch.row($0)) }
        guard raw else {
            return WireBody(
                bytes: AnswerEncoder.openInference(values, classes: TinyModel.classes, model: "m"))
        }
        return AnswerEncoder.openInferenceBinary(values, classes: TinyModel.classes, model: "m")
    }

    /// Asks for a batch, which the victim answers in the same form.
    private func ask(_ fixture: GatewayFixture, _ batch: QueryBatch, raw: Bool) throws -> ClientResponse {
        let told = answer(batch, raw: raw)
        var lines = ["Content-Type: \(raw ? "application/octet-stream" : "application/json")", "ETag: \"1\""]
        if let count = told.jsonBytes { lines.append("\(Self.field): \(count)") }
        fixture.victim.play(.fixed(200, lines, told.bytes))
        let encoder = encoder(fixture)
        guard raw else {
            return try fixture.ask(body: encoder.body(batch), path: "/v2/models/m/infer")
        }
        let body = encoder.binaryBody(batch)
        let count = try #require(body.jsonBytes)
        return try fixture.ask(
            body: body.bytes, path: "/v2/models/m/infer", fields: [Self.field: String(count)])
    }

    private func read(_ answer: ClientResponse, rows: Int) throws -> Answer {
        let format = AnswerFormat(wireProtocol: .openInference, classes: TinyModel.classes)
        let count = answer.fields.value("inference-header-content-length").flatMap { Int($0) }
        return try AnswerReader(format).read(answer.body, rows: rows, jsonBytes: count)
    }

    @Test(
        "a query that passes goes on as it came and gets the victim's answer byte for byte",
        arguments: [false, true])
    func pass(raw: Bool) throws {
        let fixture = try GatewayFixture.make(Self.plan())
        let batch = batch(
            fixture, try fixture.model.picture(5..<50), try fixture.model.picture(5..<50, seed: 8))
        let answer = try ask(fixture, batch, raw: raw)
        #expect(answer.status == 200 && answer.body == fixture.victim.answers.last)
        #expect(answer.fields.value("etag") == "\"1\"")
        let told = try read(answer, rows: 2)
        #expect(told.row(1) == TinyModel.answer(to: batch.row(1)))
        let seen = try #require(fixture.victim.seen.last)
        #expect(seen.target == "/v2/models/m/infer")
        let type = raw ? "application/octet-stream" : "application/json"
        #expect(seen.fields.value("content-type") == type)
        let sent = encoder(fixture).binaryBody(batch)
        #expect(seen.body == (raw ? sent.bytes : encoder(fixture).body(batch)))
        let count = seen.fields.value("inference-header-content-length")
        #expect(count == (raw ? sent.jsonBytes.map(String.init) : nil))
        let digests = try fixture.lines("decisions").compactMap { $0["digest"] as? String }
        #expect(digests == batch.digests.map(\.hex))
    }

    @Test("an answer is perturbed in its own form, within its budget", arguments: [false, true])
    func perturb(raw: Bool) throws {
        let fixture = try GatewayFixture.make(Self.plan { $0.bands = Plan.perturb })
        let picture = try fixture.model.picture(60..<99.9)
        let answer = try ask(fixture, batch(fixture, picture), raw: raw)
        #expect(answer.status == 200 && answer.body != fixture.victim.answers.last)
        #expect(!answer.fields.contains("etag"))
        let original = TinyModel.answer(to: picture[...])
        let changed = try read(answer, rows: 1).row(0)
        #expect(Perturber.argmax(changed) == Perturber.argmax(original))
        let distance = zip(original, changed).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) }
        #expect(distance > 0.01 && distance <= 0.2001)
    }

    @Test("a withheld answer is released with all that tells its form")
    func released() throws {
        let fixture = try GatewayFixture.make(Self.plan { $0.bands = Plan.proofOfWork })
        let batch = batch(fixture, try fixture.model.picture(60..<99.9))
        let demand = try ask(fixture, batch, raw: true)
        #expect(demand.status == 428)
        let challenge = try demand.challenge()
        let solution = try ProofSolver.solve(token: challenge, threads: 1)
        let body = encoder(fixture).binaryBody(batch)
        let count = try #require(body.jsonBytes)
        let proof = ProofField(token: challenge, solution: solution)
        let answer = try fixture.ask(
            body: body.bytes, path: "/v2/models/m/infer",
            fields: [Self.field: String(count), ProofField.name: proof.value])
        #expect(answer.status == 200)
        #expect(try read(answer, rows: 1).row(0) == TinyModel.answer(to: batch.row(0)))
    }

    @Test(
        "a field that is no whole number makes a query that cannot be read",
        arguments: ["", "-1", "+12", "0x10", "12, 12", "1e2", "9999999999999999"])
    func malformedField(value: String) throws {
        let fixture = try GatewayFixture.make(Self.plan())
        let body = encoder(fixture).binaryBody(batch(fixture, try fixture.model.picture(5..<50)))
        let answer = try fixture.ask(
            body: body.bytes, path: "/v2/models/m/infer", fields: [Self.field: value])
        #expect(answer.status == 400)
        #expect(answer.text.contains(Self.field))
        #expect(fixture.victim.seen.isEmpty)
    }

    @Test("a field that another of the client's names away is there again")
    func namedAway() throws {
        let fixture = try GatewayFixture.make(Self.plan())
        let batch = batch(fixture, try fixture.model.picture(5..<50))
        fixture.victim.play(.fixed(200, [], answer(batch, raw: false).bytes))
        let body = encoder(fixture).binaryBody(batch)
        let count = try #require(body.jsonBytes)
        let answer = try fixture.ask(
            body: body.bytes, path: "/v2/models/m/infer",
            fields: [Self.field: String(count), "Connection": "inference-header-content-length"])
        #expect(answer.status == 200)
        let seen = try #require(fixture.victim.seen.last)
        #expect(seen.fields.values("inference-header-content-length") == [String(count)])
    }

    @Test("what an answer's field says wrongly makes it unreadable, which is the route's to judge")
    func unreadableAnswer() throws {
        let fixture = try GatewayFixture.make(Self.plan { $0.onUnreadableAnswer = "reject" })
        let batch = batch(fixture, try fixture.model.picture(5..<50))
        fixture.victim.play(.fixed(200, ["\(Self.field): much"], answer(batch, raw: true).bytes))
        let answer = try fixture.ask(body: encoder(fixture).body(batch), path: "/v2/models/m/infer")
        #expect(answer.status == 502)
    }

    @Test(
        "no other spelling of the model's path, and no other protocol's, is a way around the score",
        arguments: [
            ("/v2/models/m/infer", "predict"), ("/v2/models/m/versions/3/infer", "predict"),
            ("/V2/models/m/INFER", "predict"), ("/v2/models/m/infer/", "predict"),
            ("/v2/models/m/generate", "404"), ("/v2/models/m/versions/3/explain", "404"),
            ("/v1/models/m:predict", "404"), ("/v1/models/m/versions/1:classify", "404"),
            ("/v2/models/n/infer", "rest"), ("/v1/models/n:predict", "rest"), ("/v2/models/m", "rest"),
            ("/v2/models/m/ready", "rest"), ("/v2/health/ready", "rest"),
        ])
    func spellings(path: String, found: String) throws {
        let table = try RoutingTests.table { $0 = Self.plan() }
        #expect(RoutingTests.name(table.match(path: path, method: "POST")) == found)
    }
}
