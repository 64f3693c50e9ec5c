import Foundation
import Testing

@testable import Settings

@Suite("Limits by place")
struct LimitsSettingsTests {
    private func read(_ listener: String, _ route: String) throws -> GatewaySettings {
        try load(
            """
            listen: [{address: 127.0.0.1:8080, limits: {\(listener)}}]
            limits: {request_body_bytes: 1MiB, header_count: 50}
            upstreams: {victim: {url: "http://127.0.0.1:8501"}}
            routes: [{name: all, path: /*, upstream: victim, limits: {\(route)}}]
            """
        ).settings
    }

    @Test("a listener and a route state what differs, and the rest is as in limits")
    func overrides() throws {
        let settings = try read("header_count: 20", "request_body_bytes: 2MiB, request_timeout: 5s")
        let listener = try #require(settings.listeners[0].limits).applied(to: settings.limits)
        #expect(listener.headerCount == 20 && listener.requestBodyBytes == 1 << 20)
        let route = try #require(settings.routes[0].limits).applied(to: listener)
        #expect(route.headerCount == 20 && route.requestBodyBytes == 2 << 20)
        #expect(route.requestTimeout == .seconds(5) && route.connections == settings.limits.connections)
    }

    @Test(
        "what makes no sense in a place, and what is out of bounds, is refused there",
        arguments: [
            ("buffer_bytes: 1MiB", ""), ("rate_keys: 5", ""), ("", "header_count: 5"), ("", "connections: 5"),
            ("header_count: 0", ""), ("", "request_timeout: 1ms"),
        ])
    func refused(listener: String, route: String) {
        #expect(throws: (any Error).self) { try read(listener, route) }
    }
}
