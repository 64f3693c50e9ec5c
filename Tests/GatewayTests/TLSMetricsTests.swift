import Client
import Foundation
import TestSupport
import Testing

@testable import Gateway
@testable import Secure
@testable import Settings

@Suite("Gateway: what handshakes have come to")
struct TLSMetricsTests {
    @Test("handshakes are told by listener, version, session and failure, and go on when TLS is read again")
    func reloads() throws {
        let fixture = try GatewayFixture.make(Plan(listen: Plan.tls()))
        let name = "\(fixture.settings.listeners[0].address)"
        func sample(_ family: String, _ labels: String) throws -> Double? {
            try Exposed(fixture.admin().send(.get, "/metrics"))[
                #"samegate_tls_listener_\#(family){listener="\#(name)",\#(labels)}"#]
        }
        func handshakes() throws -> Double? {
            try sample("handshakes_total", #"version="1.3",session="new""#)
        }
        #expect(try fixture.curl(path: "/x", ["--tlsv1.3"]).status == 0)
        #expect(try fixture.curl(path: "/x", ["--tls-max", "1.2"]).status == 0)
        #expect(
            try fixture.curl(path: "/x", ["--cacert", Certificates.shared.path("alice.pem")]).status != 0)
        #expect(try handshakes() == 1)
        #expect(try sample("handshakes_total", #"version="1.2",session="new""#) == 1)
        #expect(
            eventually("the alert is counted") { (try? sample("failures_total", #"reason="alert""#)) == 1 })
        _ = try fixture.gateway.reload(fixture.settings)
        var plain = fixture.settings
        plain.listeners[0].tls = nil
        _ = try fixture.gateway.reload(plain)
        #expect(try !fixture.admin().send(.get, "/metrics").text.contains("samegate_tls_listener"))
        _ = try fixture.gateway.reload(fixture.settings)
        #expect(try handshakes() == 1, "not what a restart would show")
        #expect(try fixture.curl(path: "/x", ["--tlsv1.3"]).status == 0)
        #expect(try handshakes() == 2)
    }

    @Test("when a listener's certificate ends is told, and follows the file that a reload reads")
    func ends() throws {
        let fixture = try GatewayFixture.make(Plan(listen: Plan.tls()))
        let name = "\(fixture.settings.listeners[0].address)"
        func end() throws -> Double? {
            try Exposed(fixture.admin().send(.get, "/metrics"))[
                #"samegate_tls_certificate_not_after_seconds{listener="\#(name)",name="localhost"}"#]
        }
        let first = try #require(try end())
        #expect(first > Date().timeIntervalSince1970)
        #expect(fixture.gateway.generation.assembly.warnings.isEmpty)
        var settings = fixture.settings
        let ending = Certificates.shared
        settings.listeners[0].tls?.certificates[0].certificate = ending.path("ending.pem")
        settings.listeners[0].tls?.certificates[0].key = ending.path("ending.key")
        _ = try fixture.gateway.reload(settings)
        #expect(try #require(try end()) < first)
        let warning = try #require(fixture.gateway.generation.assembly.warnings.first)
        #expect(warning.path == "listen[0].tls.certificates[0].certificate")
        #expect(warning.message.contains("ends soon"))
    }

    @Test("handshakes with an upstream are told, and go on when its certificate is another's")
    func upstream() throws {
        let pki = Certificates.shared
        let far = try GatewayFixture.make(Plan(listen: Plan.tls(clients: "optional")))
        let plan = Plan(
            upstreams: """
                  far: {url: 'https://localhost:\(try far.port)', \
                  tls: {ca_file: '\(pki.path("ca.pem"))', certificate: '\(pki.path("alice.pem"))', key: '\(pki.path("alice.key"))'}}
                """, routes: "  - {name: far, path: /far/*, upstream: far}")
        let fixture = try GatewayFixture.make(plan)
        func handshakes() throws -> Double {
            let metrics = try Exposed(fixture.admin().send(.get, "/metrics"))
            return ["new", "resumed"].reduce(0) {
                $0
                    + (metrics[
                        #"samegate_tls_upstream_handshakes_total{upstream="far",version="1.3",session="\#($1)"}"#
                    ]
                        ?? 0)
            }
        }
        _ = try fixture.client().send(.get, "/far/x")
        #expect(try handshakes() == 1)
        var settings = fixture.settings
        let place = try #require(settings.upstreams.firstIndex { $0.name == "far" })
        settings.upstreams[place].tls?.certificate = pki.path("bob.pem")
        settings.upstreams[place].tls?.key = pki.path("bob.key")
        _ = try fixture.gateway.reload(settings)
        _ = try fixture.client().send(.get, "/far/x")
        #expect(try handshakes() == 2)
    }
}
