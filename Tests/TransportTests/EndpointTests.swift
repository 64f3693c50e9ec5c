import Testing

@testable import Transport

@Suite("Addresses")
struct EndpointTests {
    @Test(
        "reads host and port, and writes them back",
        arguments: [
            ("127.0.0.1:8080", "127.0.0.1", 8080), ("[::1]:0", "::1", 0), ("localhost:80", "localhost", 80),
            ("a-b.example_c:65535", "a-b.example_c", 65535),
        ])
    func reads(text: String, host: String, port: UInt16) throws {
        let endpoint = try Endpoint(parsing: text)
        #expect(endpoint == Endpoint(host: host, port: port))
        #expect(endpoint.description == text)
    }

    @Test(
        "refuses everything else with the text",
        arguments: [
            "", ":", "localhost", "localhost:", ":80", "localhost:+80", "localhost:65536", "localhost:000080",
            "::1:80", "[::1]", "[127.0.0.1]:80", "[x]:80", "a b:80", "a/b:80", "user@host:80", "[]:80",
            "h:８０",
        ])
    func refuses(text: String) {
        #expect(throws: TransportError.addressInvalid(text)) { try Endpoint(parsing: text) }
    }

    @Test("a numeric host is an address, a name is not")
    func numeric() throws {
        #expect(try Endpoint(parsing: "[2001:DB8::1]:443").address?.description == "[2001:db8::1]:443")
        #expect(try Endpoint(parsing: "10.0.0.1:1").address?.isIPv6 == false)
        #expect(try Endpoint(parsing: "localhost:1").address == nil)
        #expect(SocketAddress(host: "10.0.0.256", port: 1) == nil)
        for host in [
            "0.0.0.0", "255.255.255.255", "1.20.103.9", "10.0.99.100", "::1", "2001:db8::a", "::ffff:1.2.3.4",
        ] {
            #expect(SocketAddress(host: host, port: 1)?.host == host)
        }
    }
}
