import Foundation
import HTTPWire
import Proxy
import Testing
import Transport

@testable import Secure

@Suite("What upstreams are told of clients' certificates")
struct CertificateFieldTests {
    /// What an upstream gets from a client with a certificate and forged fields.
    private func passedOn(sends: Bool) throws -> String {
        let origin = try TestServer(nil) { exchange in
            let fields = exchange.request.fields
            let all = (0..<fields.count).map { "\(fields.name(at: $0)): \(fields.value(at: $0))\n" }
            exchange.respond(plain(all.joined()))
        }
        let upstream = Upstream(
            settings: UpstreamSettings(
                name: "origin", endpoint: Endpoint(host: "127.0.0.1", port: origin.port)))
        var proxy = ProxySettings()
        proxy.sendsClientCertificate = sends
        let settings = serving("plain") {
            $0.clientCertificates = .optional
            $0.clientAuthorityFile = PKI.shared.path("good-ca.pem")
        }
        let server = try TestServer(settings, proxy: proxy) { $0.stream(to: upstream) }
        let text = server.client(
            ["-cert", PKI.shared.path("client.pem"), "-key", PKI.shared.path("client.key")],
            request:
                "GET / HTTP/1.1\r\nHost: x\r\nX-Client-Cert-Subject: CN=root\r\nConnection: close\r\n\r\n"
        ).output
        upstream.close()
        return text
    }

    @Test(
        "the subject (RFC 4514) and the digest that openssl works out, and nothing that the client says of itself"
    )
    func told() throws {
        let text = try passedOn(sends: true)
        #expect(text.contains(#"X-Client-Cert-Subject: CN=alice,O=Users\, and more"#))
        let openssl = run(
            "openssl", ["x509", "-in", PKI.shared.path("client.pem"), "-noout", "-fingerprint", "-sha256"])
        let digest = openssl.output.split(separator: "=").last?.filter { $0.isHexDigit }.lowercased() ?? "-"
        #expect(digest.count == 64 && text.contains("X-Client-Cert-Fingerprint: \(digest)\n"))
        #expect(!text.contains("CN=root"))
    }

    @Test("nothing where they are not to be told")
    func silent() throws { #expect(!(try passedOn(sends: false)).contains("X-Client-Cert")) }
}
