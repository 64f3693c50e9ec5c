import Client
import Foundation
import HTTPWire
import TestSupport
import Testing
import Transport

@testable import Gateway

@Suite("Gateway: the side door")
struct AdminTests {
    @Test("health, readiness and configuration are shown, and nothing else is served")
    func places() throws {
        let fixture = try GatewayFixture.make()
        let client = try fixture.admin()
        #expect(try client.send(.get, "/healthz").text == "alive\n")
        #expect(try client.send(.get, "/readyz").status == 200)
        #expect(try client.send(.get, "/config").status == 200)
        #expect(try client.send(.post, "/metrics", body: [1]).status == 405)
        #expect(try client.send(.get, "/v1/models/m:predict").status == 404)
    }

    @Test("a web page whose name was made to lead here reads nothing; programs and typed addresses do")
    func rebound() throws {
        let fixture = try GatewayFixture.make()
        let client = try fixture.admin()
        func status(_ host: String, _ site: String) throws -> Int {
            try client.send(.get, "/config", fields: HeaderList(["Host": host, "Sec-Fetch-Site": site]))
                .status
        }
        #expect(try status("evil.example", "same-origin") == 403)
        #expect(try status("evil.example", "none") == 403)
        #expect(try status("127.0.0.1:1", "same-origin") == 200)
        // Browsers do not say where a request comes from when it goes to a place that they do not trust.
        let evil = try HeaderList(["Host": "evil.example:9090"])
        #expect(try client.send(.get, "/config", fields: evil).status == 403)
        #expect(
            try client.send(.get, "/config", fields: HeaderList(["Host": "localhost:9090"])).status == 200)
        // Whoever scrapes asks by name.
        #expect(try client.send(.get, "/metrics", fields: evil).status == 200)
        #expect(try client.send(.get, "/readyz", fields: evil).status == 200)
    }

    @Test("each row is counted by route, verdict and mode, its request's times in histograms that add up")
    func rows() throws {
        let fixture = try GatewayFixture.make(Plan(bands: Plan.proofOfWork))
        _ = try fixture.ask(fixture.model.picture(5..<45))
        _ = try fixture.ask(fixture.model.picture(60..<95))
        _ = try fixture.ask(body: Array("no query".utf8))
        let metrics = try Exposed(fixture.admin().send(.get, "/metrics"))
        #expect(metrics[#"samegate_rows_total{route="predict",verdict="pass",mode="enforce"}"#] == 1)
        #expect(metrics[#"samegate_rows_total{route="predict",verdict="proof-of-work",mode="enforce"}"#] == 1)
        #expect(metrics[#"samegate_rows_total{route="predict",verdict="reject",mode="enforce"}"#] == 1)
        #expect(metrics["samegate_undecodable_total"] == 1)
        #expect(metrics["samegate_withheld_answers"] == 1)
        #expect(metrics[#"samegate_phase_duration_seconds_count{route="predict",phase="score"}"#] == 2)
        #expect(
            metrics[#"samegate_phase_duration_seconds_bucket{route="predict",phase="score",le="+Inf"}"#] == 2)
        #expect(metrics[#"samegate_upstream_failures_total{upstream="victim"}"#] == 0)
        #expect(metrics["samegate_scoring_queue_rows"] == 0)
    }

    @Test("a gateway that drains says so before its listener is gone")
    func draining() throws {
        let fixture = try GatewayFixture.make()
        let handler = fixture.gateway.adminHandler
        handler.beginDraining()
        #expect(try fixture.admin().send(.get, "/readyz").status == 503)
        #expect(try fixture.admin().send(.get, "/healthz").status == 200)
    }

    @Test("while the checks say that every server a protected route needs is down, the gateway is not ready")
    func unready() throws {
        let plan = Plan(upstream: ", health: {path: /, interval: 100ms, unhealthy: 1}")
        let fixture = try GatewayFixture.make(plan, upstream: "127.0.0.1:9")
        let client = try fixture.admin()
        #expect(eventually("not ready") { (try? client.send(.get, "/readyz").status) == 503 })
        #expect(try client.send(.get, "/readyz").text == "every server is down of: victim\n")
        #expect(try client.send(.get, "/healthz").status == 200)
        let metrics = try Exposed(client.send(.get, "/metrics"))
        let labels = #"upstream="victim",server="127.0.0.1:9""#
        #expect(metrics["samegate_upstream_server_up{\(labels)}"] == 0)
        #expect(metrics["samegate_upstream_server_ejected{\(labels)}"] == 0)
        #expect(metrics["samegate_upstream_server_connections{\(labels),state=\"idle\"}"] == 0)
        #expect(metrics["samegate_upstream_server_failures_total{\(labels),kind=\"connect\"}"] == 0)
        #expect(metrics["samegate_upstream_retries_refused_total{upstream=\"victim\"}"] == 0)
        #expect(try #require(metrics["samegate_upstream_server_checks_failed_total{\(labels)}"]) >= 1)
    }
}

extension GatewayFixture {
    /// A client of the side door.
    func admin() throws -> HTTPClient {
        HTTPClient(try Endpoint(parsing: #require(gateway.adminAddress)), timeout: .seconds(60))
    }
}

/// The samples of a scrape by name and labels; every line must be a comment or a sample.
struct Exposed {
    private var samples: [String: Double] = [:]

    init(_ response: ClientResponse) throws {
        #expect(response.status == 200)
        #expect(response.fields.value("content-type")?.hasPrefix("text/plain; version=0.0.4") == true)
        for line in response.text.split(separator: "\n") where !line.hasPrefix("#") {
            let cut = try #require(line.lastIndex(of: " "))
            let value: Double = try #require(Double(String(line[line.index(after: cut)...])))
            samples[String(line[..<cut])] = value
        }
    }

    subscript(_ name: String) -> Double? { samples[name] }
}
