import Foundation
import HTTPWire
import Proxy
import Testing
import Transport

@testable import Secure

@Suite("Certificates of clients")
struct ClientCertificateTests {
    private static let versions = ["-tls1_2", "-tls1_3"]

    private func asking(_ rule: ServerSecuritySettings.ClientCertificates) throws -> TestServer {
        try TestServer(Self.settings(rule)) { exchange in
            let peer = exchange.security?.peer
            exchange.respond(
                plain("subject: \(peer?.subject ?? "nobody") \(peer?.emails ?? []) \(peer?.issuer ?? "-")"))
        }
    }

    private static func settings(
        _ rule: ServerSecuritySettings.ClientCertificates, authority: String = "good-ca.pem"
    ) -> ServerSecuritySettings {
        serving("plain") {
            $0.clientCertificates = rule
            $0.clientAuthorityFile = PKI.shared.path(authority)
        }
    }

    private func showing(_ name: String) -> [String] {
        ["-cert", PKI.shared.path(name + ".pem"), "-key", PKI.shared.path(name + ".key")]
    }

    @Test("a required certificate's subject, names and issuer are on the exchange", arguments: versions)
    func required(version: String) throws {
        let output = try asking(.required).client([version] + showing("client")).output
        #expect(output.contains(#"subject: CN=alice,O=Users\, and more ["alice@users.example"] CN=good-ca"#))
    }

    @Test("without a required certificate nothing is answered", arguments: versions)
    func missing(version: String) throws {
        let server = try asking(.required)
        let ran = server.client([version])
        #expect(!ran.output.contains("subject: "))
        #expect(
            ran.error.contains(version == "-tls1_3" ? "certificate required" : "handshake failure"),
            "\(ran.error)")
        #expect(server.counters.requests == 0)
    }

    @Test(
        "a certificate of another authority is refused, required or not", arguments: versions, [true, false])
    func stranger(version: String, isRequired: Bool) throws {
        let server = try asking(isRequired ? .required : .optional)
        let ran = server.client([version] + showing("stranger"))
        #expect(ran.error.contains("unknown ca"), "\(ran.error)")
        #expect(server.counters.requests == 0)
    }

    @Test("an optional certificate may be left out")
    func optional() throws {
        let server = try asking(.optional)
        #expect(server.client().output.contains("subject: nobody"))
        #expect(server.client(showing("client")).output.contains("subject: CN=alice"))
    }

    @Test("where none is asked for, one that is at hand is not shown")
    func none() throws {
        let server = try asking(.none)
        #expect(server.client(showing("client")).output.contains("subject: nobody"))
    }

    @Test("the fingerprint and the serial are those that openssl prints")
    func fingerprint() throws {
        let server = try TestServer(Self.settings(.required)) { exchange in
            let peer = exchange.security?.peer
            exchange.respond(plain("[\(peer?.fingerprint ?? "") \(peer?.serial ?? "")]"))
        }
        let printed = run(
            "openssl",
            ["x509", "-in", PKI.shared.path("client.pem"), "-noout", "-fingerprint", "-sha256", "-serial"])
        let values = printed.output.split(separator: "\n").compactMap { $0.split(separator: "=").last }
        let expected = "[" + values.joined(separator: " ").replacing(":", with: "").lowercased() + "]"
        #expect(server.client(showing("client")).output.contains(expected))
    }

    @Test(
        "a ticket got without a certificate is no way around one that is required since", arguments: versions)
    func ticketAfterStricterRule(version: String) throws {
        let server = try asking(.optional)
        let ticket = NSTemporaryDirectory() + "samegate-ticket-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: ticket) }
        #expect(server.client([version, "-sess_out", ticket]).output.contains("subject: nobody"))
        try server.security?.reload(Self.settings(.required))()
        let again = server.client([version, "-sess_in", ticket])
        #expect(!again.output.contains("subject: "))
        #expect(!again.output.contains("Reused, TLS"))
    }

    @Test("a ticket got under another authority does not outlive the trust in it", arguments: versions)
    func ticketAfterOtherAuthority(version: String) throws {
        let server = try asking(.required)
        let ticket = NSTemporaryDirectory() + "samegate-ticket-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: ticket) }
        let shown = [version] + showing("client")
        #expect(server.client(shown + ["-sess_out", ticket]).output.contains("subject: CN=alice"))
        try server.security?.reload(Self.settings(.required, authority: "other-ca.pem"))()
        #expect(!server.client(shown + ["-sess_in", ticket]).output.contains("subject: CN=alice"))
    }
}
