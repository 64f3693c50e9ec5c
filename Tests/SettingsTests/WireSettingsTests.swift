import Foundation
import Testing

@testable import Settings

@Suite("Connections")
struct WireSettingsTests {
    @Test("the fixture means what it says")
    func fixture() throws {
        let url = try #require(fixtures("good").first { $0.lastPathComponent == "wire.yaml" })
        let settings = try load(String(contentsOf: url, encoding: .utf8)).settings
        #expect(settings.listeners[0].proxyProtocol?.proxies == ["10.0.0.0/8", "2001:db8::/32"])
        #expect(settings.listeners[0].proxyProtocol?.headerTimeout == .seconds(2))
        #expect(settings.listeners[1].proxyProtocol == nil)
        #expect(settings.limits.continueTimeout == .milliseconds(250))
        #expect(settings.limits.tunnelIdleTimeout == .seconds(3600) && settings.forwarded.viaName == "edge-1")
        #expect(settings.identity?.clientCertificate?.name == .uri)
        #expect(settings.identity?.clientCertificate?.sendsHeaders == true)
        #expect(settings.routes.map(\.upgrade) == [[.websocket], []])
        #expect(settings.routes.map(\.expectContinue) == [.answer, .forward])
    }

    @Test("a route to another verb of a protected model is refused, one to another model or upstream is not")
    func verbs() throws {
        func errors(_ path: String, upstream: String = "model") -> [String] {
            let text = """
                listen: [{address: "127.0.0.1:80"}]
                upstreams: {model: {url: "http://model"}, other: {url: "http://other"}}
                models: {m: {bundle: b}}
                policies: {p: {bands: [{above: p99, verdict: reject}]}}
                routes:
                  - name: predict
                    path: /v1/models/m:predict
                    upstream: model
                    protect: {model: m, protocol: tensorflow-serving, input: {layout: HWC, range: [0, 1]}, answer: {kind: probabilities}, policy: p}
                  - {name: verb, path: "\(path)", upstream: \(upstream)}
                """
            let disk = FileProbe { _ in .directory }
            do {
                _ = try LoadedSettings(text: text, file: "x.yaml", directory: "/etc", files: disk)
                return []
            } catch {
                return ["\(error)"]
            }
        }
        #expect(
            errors("/v1/models/m:classify").joined().contains(
                "asks :classify of the model that routes[0] protects"))
        #expect(errors("/V1/models/m/versions/2:regress").joined().contains("asks :regress"))
        #expect(errors("/v1/models/n:classify").isEmpty)
        #expect(errors("/v1/models/m:classify", upstream: "other").isEmpty)
        #expect(errors("/v1/models/m/metadata").isEmpty)
    }
}
