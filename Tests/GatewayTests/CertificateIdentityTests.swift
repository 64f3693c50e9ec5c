import HTTPWire
import Identity
import Settings
import Testing
import Transport

@testable import Gateway

@Suite("Gateway: clients by their certificates")
struct CertificateIdentityTests {
    private static let peer = PeerCertificate(
        subject: "CN=alice,O=Users", issuer: "CN=ca", serial: "1", fingerprint: "ab12",
        dnsNames: ["a.example"],
        emails: [], uris: [])

    private func route() throws -> Route {
        let table = try RoutingTests.table { plan in
            plan.authenticate = "required"
            plan.sections = "identity: {client_certificate: {id: subject}}"
        }
        guard case .route(let route) = table.match(path: "/v1/models/m:predict", method: "POST") else {
            throw AssemblyProblem(path: "", message: "no route")
        }
        return route
    }

    private func identify(
        _ name: ClientCertificateSettings.Name, _ peer: PeerCertificate?, _ fields: HeaderList = HeaderList()
    ) throws -> ClientIdentity {
        var fields = fields
        let authentication = Authentication(
            Authenticator(keys: nil, tokens: nil), hasKeys: false, certificateName: name)
        return try authentication.identify(&fields, on: try route(), now: .zero, certificate: peer)
    }

    @Test(
        "the name is what the settings say of the certificate",
        arguments: [
            (ClientCertificateSettings.Name.subject, "CN=alice,O=Users"), (.dnsName, "a.example"),
            (.fingerprint, "ab12"),
        ])
    func names(name: ClientCertificateSettings.Name, expected: String) throws {
        let client = try identify(name, Self.peer)
        #expect(client.kind == .certificate && client.name == expected)
        #expect(client.account == "certificate:\(expected)" && client.attributes["fingerprint"] == "ab12")
    }

    @Test("a certificate without the name that counts is refused, never taken for none")
    func unnamed() throws {
        #expect(throws: AuthenticationError.certificateUnnamed) { try identify(.uri, Self.peer) }
        #expect(AuthenticationError.certificateUnnamed.status == 403)
    }

    @Test("no certificate is no credential")
    func missing() throws {
        #expect(throws: AuthenticationError.missing) { try identify(.subject, nil) }
    }

    @Test("a wrong token beside a good certificate is wrong")
    func wrongToken() throws {
        let fields = try HeaderList(["Authorization": "Bearer x.y.z"])
        #expect(throws: AuthenticationError.notAccepted(.jwt)) { try identify(.subject, Self.peer, fields) }
    }
}
