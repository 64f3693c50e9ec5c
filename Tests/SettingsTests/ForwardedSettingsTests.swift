import Testing

@testable import Settings

@Suite("Proxies in front")
struct ForwardedSettingsTests {
    @Test("networks and single addresses of both families are taken as written (RFC 4632 §3.1)")
    func networks() throws {
        let text = base(
            "forwarded: {trusted_proxies: [10.0.0.0/8, '2001:db8::/32', 192.0.2.7, '::1', 0.0.0.0/0]}")
        let forwarded = try load(text).settings.forwarded
        #expect(
            forwarded.trustedProxies == ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7", "::1", "0.0.0.0/0"])
        #expect(forwarded.clientFrom == .xForwardedFor)
    }

    @Test(
        "what is no network is refused with its place",
        arguments: ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/08", "localhost", "10.0.0/8", "'::1/129'", "'*'"])
    func refused(network: String) {
        let found = problems(base("forwarded: {trusted_proxies: [\(network)]}"))
        let errors = found.filter { $0.contains(" error: ") }
        #expect(errors.count == 1 && errors[0].contains("forwarded.trusted_proxies[0]"), "\(found)")
    }

    @Test("nobody is trusted unless named")
    func strangers() throws {
        #expect(try load(base()).settings.forwarded.trustedProxies.isEmpty)
    }
}
