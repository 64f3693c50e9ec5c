import Testing
import Transport

@testable import Proxy

@Suite("Networks of addresses")
struct AddressPrefixTests {
    @Test(
        "an address is in a network when their first bits agree (RFC 4632 §3.1)",
        arguments: [
            ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.1", false),
            ("192.0.2.128/25", "192.0.2.129", true), ("192.0.2.128/25", "192.0.2.127", false),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
            ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "::1", false), ("::/0", "::1", true),
            ("::/0", "203.0.113.9", false), ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false), ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ])
    func contains(network: String, host: String, isInside: Bool) throws {
        let prefix = try #require(AddressPrefix(network))
        #expect(prefix.contains(try #require(SocketAddress(host: host, port: 80))) == isInside)
    }

    @Test(
        "what is no network is refused",
        arguments: [
            "", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.1/8", "::1/129",
            "localhost",
            "10.0.0/8", "10.0.0.0/8/8", "10.0.0.0/+8", "*",
        ])
    func refuses(text: String) {
        #expect(AddressPrefix(text) == nil)
    }

    @Test("one subscriber's IPv6 addresses are one client, and two IPv4 addresses are two (RFC 6177 §2)")
    func clients() throws {
        func client(_ host: String) throws -> AddressPrefix {
            AddressPrefix(client: try #require(SocketAddress(host: host, port: 1)))
        }
        #expect(try client("2001:db8::1") == client("2001:db8::ffff:1"))
        #expect(try client("2001:db8::1") != client("2001:db8:0:1::1"))
        #expect(try client("192.0.2.1") != client("192.0.2.2"))
        #expect(try client("192.0.2.1") == client("::ffff:192.0.2.1"))
    }
}
