import Foundation
import HTTPWire
import Settings
import Testing

@testable import Gateway

@Suite("Gateway: which route takes a request")
struct RoutingTests {
    @Test(
        "every spelling of a TensorFlow-Serving path is read alike",
        arguments: [
            "/v1/models/m:predict", "/v1/models/m/versions/1:predict", "/v1/models/m/labels/stable:predict",
            "/V1/MODELS/m:PREDICT", "/v1/Models/m/Versions/1:Predict",
            "/v1/model\u{17F}/m/ver\u{17F}ions/1:predict",
        ])
    func spellings(path: String) throws {
        let parsed = try #require(PredictPath(path))
        #expect(parsed.model == "m" && parsed.verb == "predict" && parsed.call == ":predict")
    }

    @Test(
        "every spelling of an Open Inference path is read alike",
        arguments: [
            "/v2/models/m/infer", "/v2/models/m/versions/1/infer", "/V2/Models/m/Versions/x/INFER",
            "/v2/models/m/infer/", "/v2/model\u{17F}/m/infer",
        ])
    func openInference(path: String) throws {
        let parsed = try #require(PredictPath(path))
        #expect(parsed.model == "m" && parsed.verb == "infer" && parsed.call == "/infer")
        #expect(parsed != PredictPath("/v1/models/m:infer"))
    }

    @Test(
        "what is no such path is none",
        arguments: [
            "/v1/models/m", "/v1/models/:predict", "/v1/models/m:", "/v1/models/m:predict:x",
            "/v2/models/m:predict",
            "/v1/models/m/versions/1/x:predict", "/v1/models/m/other/1:predict", "v1/models/m:predict",
            "/v1/models/m/1:predict", "/v1/models//versions/1:predict", "/", "",
            "/v2/models/m", "/v2/models/m/", "/v2/models/m/ready", "/v2/models/m/versions/1/READY",
            "/v2/models/m/versions/1", "/v2/models/m/versions", "/v2/models/m/stats", "/v2/models/m/config",
            "/v2/models//infer", "/v2/health/ready", "/v3/models/m/infer", "/v2", "v2/models/m/infer",
        ])
    func noPath(path: String) {
        #expect(PredictPath(path) == nil)
    }

    static func table(_ change: (inout Plan) -> Void = { _ in }) throws -> RouteTable {
        var plan = Plan()
        change(&plan)
        let folder = try GatewayFixture.prepareFolder(try plan.model.get())
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let settings = try GatewayFixture.load(plan.text(victim: "127.0.0.1:9"), in: folder)
        return RouteTable(try GatewayAssembly(settings).routes)
    }

    static func name(_ match: RouteTable.Match) -> String {
        switch match {
        case .route(let route): route.name
        case .methodNotAllowed(let allowed): "405 " + allowed.joined(separator: ",")
        case .notFound: "404"
        }
    }

    static let matches: [(String, String, String)] = [
        ("/v1/models/m:predict", "POST", "predict"), ("/v1/models/m/versions/3:predict", "POST", "predict"),
        ("/V1/models/m:Predict", "POST", "predict"), ("/v1/models/m:predict", "GET", "405 POST"),
        ("/v1/models/m/versions/3:predict", "PUT", "405 POST"), ("/v1/models/M:predict", "POST", "rest"),
        ("/v1/models/m", "GET", "rest"), ("/v1/models/m:classify", "POST", "404"),
        ("/v1/models/n:classify", "POST", "rest"),
        ("/V1/models/m/labels/x:REGRESS", "POST", "404"), ("/", "GET", "rest"),
    ]

    @Test(
        "a protected route takes its model's paths, and ends the search at a wrong method", arguments: matches
    )
    func match(path: String, method: String, expected: String) throws {
        #expect(Self.name(try Self.table().match(path: path, method: method)) == expected)
    }

    @Test("a route for one version protects the others too, but for those that have a route of their own")
    func versions() throws {
        let table = try Self.table { plan in
            plan.path = "/v1/models/m/versions/1:predict"
            plan.routes = "  - {name: second, path: \"/v1/models/m/versions/2:predict\", upstream: victim}"
        }
        let found = ["versions/1", "versions/2", "versions/3", "labels/x"].map {
            Self.name(table.match(path: "/v1/models/m/\($0):predict", method: "POST"))
        }
        #expect(found == ["predict", "second", "predict", "predict"])
        #expect(Self.name(table.match(path: "/v1/models/m:predict", method: "POST")) == "predict")
    }

    @Test("behind an upstream's base path a model's other spellings and verbs are protected as well")
    func basePathSpellings() throws {
        let table = try Self.table { plan in
            plan.path = "/m:predict"
            plan.base = "/v1/models"
        }
        let found = ["/m:predict", "/m/versions/1:predict", "/m:Predict", "/m:classify", "/n:predict"].map {
            Self.name(table.match(path: $0, method: "POST"))
        }
        #expect(found == ["predict", "predict", "predict", "404", "rest"])
    }

    @Test("a prefix takes every path that begins with its bytes, whatever character they become part of")
    func prefix() throws {
        let table = try Self.table { $0.path = "/v1/models/*" }
        for path in [
            "/v1/models/m:predict", "/v1/models/", "/v1/models/\u{301}x", "/v1/models/\u{338}:predict",
        ] {
            #expect(Self.name(table.match(path: path, method: "POST")) == "predict")
        }
        #expect(Self.name(table.match(path: "/v1/models", method: "POST")) == "rest")
    }

    @Test("a path that the configuration spells with percent-encodings takes, and protects, what they mean")
    func encodedPath() throws {
        let table = try Self.table { $0.path = "/v1/models/%6D%C3%A9:predict" }
        for path in ["/v1/models/m\u{E9}:predict", "/v1/models/m\u{E9}/versions/2:predict"] {
            #expect(Self.name(table.match(path: path, method: "POST")) == "predict")
            #expect(Self.name(table.match(path: path, method: "GET")) == "405 POST")
        }
        let fixture = try GatewayFixture.make(Plan(path: "/v1/models/%6d:predict"))
        let strange = try fixture.model.picture(99..<100)
        for path in ["/v1/models/m:predict", "/v1/models/%6D:predict"] {
            #expect(try fixture.ask(body: fixture.body([strange]), path: path).status == 403)
        }
    }

    static let ways: [(String, HTTPWire.Method, Int)] = [
        ("/v1/models/m/versions/1:predict", .post, 403), ("/v1/models/m/labels/x:predict", .post, 403),
        ("/v1/models/m%3Apredict", .post, 403), ("/%76%31/models/m:predict", .post, 403),
        ("/V1/MODELS/m:PREDICT", .post, 403), ("/v1/models/m:predict?x=1", .post, 403),
        ("//v1/models/m:predict", .post, 400), ("/v1//models/m:predict", .post, 400),
        ("/v1/./models/m:predict", .post, 400), ("/x/../v1/models/m:predict", .post, 400),
        ("/x/%2e%2e/v1/models/m:predict", .post, 400), ("/v1/models%2Fm:predict", .post, 400),
        ("/v1/models/m:predict;x=1", .post, 400), ("/v1/models/m%253Apredict", .post, 400),
        ("/v1/models/m:predict%00", .post, 400), ("/v1/models/m:predict", .put, 405),
        ("/v1/models/m:predict", .patch, 405), ("/v1/models/m/versions/1:predict", .get, 405),
        ("/v1/models/m:predict", .trace, 400),
    ]

    @Test("no spelling of its path carries a query around a protected route", arguments: ways)
    func noWayAround(path: String, method: HTTPWire.Method, status: Int) throws {
        let fixture = try GatewayFixture.make()
        let picture = try fixture.model.picture(99..<100)
        let answer = try fixture.ask(body: fixture.body([picture]), path: path, method: method)
        #expect(answer.status == status && !answer.text.contains("predictions"))
        if status == 405 { #expect(answer.fields.value("allow") == "POST") }
        #expect(fixture.victim.seen.count == (status == 403 ? 1 : 0))
        #expect(fixture.victim.seen.allSatisfy { $0.target == path })
    }

    @Test("what the gateway alone should see never reaches the victim")
    func stripped() throws {
        let fixture = try GatewayFixture.make(Plan(onUndecodable: "pass"))
        let answer = try fixture.ask(
            body: Array("not json".utf8),
            fields: [
                ProofField.name: "x:1", "samegate-proof": "y", "Accept-Encoding": "gzip",
                "Range": "bytes=0-1",
                "X-Mine": "kept",
            ])
        #expect(answer.status == 200)
        let fields = try #require(fixture.victim.seen.first).fields
        for name in [ProofField.name, "Range"] {
            #expect(fields.firstIndex(named: name) == nil)
        }
        #expect(fields.values("accept-encoding") == ["identity"])
        #expect(fields.value("x-mine") == "kept")
    }

    @Test("request id and forwarding fields reach the victim, and the id comes back")
    func forwarded() throws {
        let fixture = try GatewayFixture.make()
        let picture = try fixture.model.picture(5..<45)
        let given = try fixture.ask(
            picture, fields: ["X-Request-Id": "given-1", "X-Forwarded-For": "6.6.6.6"])
        #expect(given.fields.value("x-request-id") == "given-1")
        let made = try fixture.ask(picture)
        let seen = fixture.victim.seen.map(\.fields)
        #expect(seen[0].value("x-request-id") == "given-1" && seen[0].value("x-forwarded-for") == "127.0.0.1")
        #expect(seen[0].value("x-forwarded-proto") == "http" && seen[0].contains("via"))
        #expect(seen[0].value("x-forwarded-host") == fixture.gateway.addresses[0])
        #expect(made.fields.value("x-request-id") == seen[1].value("x-request-id"))
        #expect(seen[1].value("x-request-id")?.isEmpty == false)
    }

    @Test("the upstream's base path comes before the request's, whose query stays")
    func basePath() throws {
        let fixture = try GatewayFixture.make(Plan(base: "/base/x"))
        let body = fixture.body([try fixture.model.picture(5..<45)])
        #expect(try fixture.ask(body: body, path: "/v1/models/m:predict?a=%20b").status == 200)
        #expect(try fixture.ask(body: [], path: "/health?q", method: .get).status == 200)
        #expect(
            fixture.victim.seen.map(\.target) == ["/base/x/v1/models/m:predict?a=%20b", "/base/x/health?q"])
        let logged = try fixture.lines("access").compactMap { $0["path"] as? String }
        #expect(logged.sorted() == ["/health?q", "/v1/models/m:predict?a=%20b"])
    }

    @Test("an unprotected route is streamed as it is, and nothing is decided about it")
    func streamed() throws {
        let fixture = try GatewayFixture.make()
        fixture.victim.play(
            .fixed(201, ["X-A: b", "Content-Encoding: gzip"], Array(repeating: 7, count: 200_000)))
        let answer = try fixture.ask(
            body: Array(repeating: 1, count: 300_000), path: "/upload", method: .put,
            fields: ["Accept-Encoding": "gzip"])
        #expect(answer.status == 201 && answer.body == Array(repeating: 7, count: 200_000))
        #expect(answer.fields.value("content-encoding") == "gzip")
        let seen = try #require(fixture.victim.seen.first)
        #expect(
            seen.body.count == 300_000 && seen.fields.value("accept-encoding") == "gzip"
                && seen.method == "PUT")
        #expect(try fixture.lines("access").count == 1)
        #expect(try fixture.lines("decisions").isEmpty)
    }

    @Test("a path that no route takes: 404")
    func notFound() throws {
        #expect(Self.name(RouteTable([]).match(path: "/", method: "GET")) == "404")
        let fixture = try GatewayFixture.make(Plan(catchAll: "/open/*"))
        let answer = try fixture.ask(body: [], path: "/x", method: .get)
        #expect(answer.status == 404)
        #expect(try answer.problem()["detail"] as? String == "no route takes this path")
        #expect(try fixture.ask(body: [], path: "/open/x", method: .get).status == 200)
    }
}
