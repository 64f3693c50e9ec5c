import COpenSSL
import Foundation
import Testing
import Transport

@testable import Secure

@Suite("Certificates that are no good")
struct SecureProblemTests {
    private func problems(_ settings: ServerSecuritySettings) -> [SecureProblem] {
        do throws(SecureProblems) {
            _ = try ServerSecurity(settings)
            return []
        } catch {
            return error.all
        }
    }

    private func files(_ certificate: String, _ key: String) -> ServerSecuritySettings {
        ServerSecuritySettings(certificates: [
            .init(certificateFile: PKI.shared.path(certificate), keyFile: PKI.shared.path(key))
        ])
    }

    @Test("a key of another certificate")
    func mismatch() {
        let found = problems(files("plain.pem", "wild.key"))
        #expect(found.map(\.path) == ["certificates[0].key"])
        #expect(
            found.first?.error
                == .keyMismatch(certificate: PKI.shared.path("plain.pem"), key: PKI.shared.path("wild.key")))
    }

    @Test("a key of another kind than the certificate's")
    func kindMismatch() {
        #expect(problems(files("both-ec.pem", "both-rsa.key")).map(\.path) == ["certificates[0].key"])
    }

    @Test("an expired certificate, and one that ends soon, are told with the moment and used")
    func expired() throws {
        var settings = files("plain.pem", "plain.key")
        settings.certificates += files("expired.pem", "expired.key").certificates
        settings.certificates += files("ending.pem", "ending.key").certificates
        let terms = try ServerSecurity(settings).terms
        #expect(
            terms.warnings.map(\.path) == ["certificates[1].certificate", "certificates[2].certificate"])
        #expect(try #require(terms.warnings.first).error.description.contains("Jan  1 00:00:00 2021 GMT"))
        #expect(try #require(terms.warnings.last).error.description.contains("ends soon"))
        #expect(terms.ends.map(\.name) == ["localhost", "localhost", "ending.example"])
        #expect(terms.ends[1].notAfter == 1_609_459_200)
    }

    @Test("an authority whose time is over is told and does not stand in the way")
    func expiredAuthority() throws {
        var settings = files("plain.pem", "plain.key")
        settings.clientCertificates = .optional
        settings.clientAuthorityFile = PKI.shared.path("expired.pem")
        let terms = try ServerSecurity(settings).terms
        #expect(terms.warnings.map(\.path) == ["client_ca"])
    }

    @Test("files that are missing, of no use, or locked; all at once, each with its place")
    func several() {
        var settings = files("absent.pem", "absent.key")
        settings.certificates.append(files("garbage.pem", "encrypted.key").certificates[0])
        settings.certificates.append(files("plain.pem", "garbage.pem").certificates[0])
        settings.clientCertificates = .required
        settings.clientAuthorityFile = PKI.shared.path("plain.key")
        settings.profile.groups = "X25519:P-255"
        let found = problems(settings)
        #expect(
            found.map(\.path) == [
                "certificates[0].certificate", "certificates[0].key", "certificates[1].certificate",
                "certificates[1].key", "certificates[2].key", "client_ca", "groups",
            ])
        #expect(found[0].error.description.contains("No such file"))
        #expect(found[2].error == .noCertificate(file: PKI.shared.path("garbage.pem")))
        #expect(found[3].error == .keyEncrypted(file: PKI.shared.path("encrypted.key")))
        #expect(found[4].error == .noKey(file: PKI.shared.path("garbage.pem")))
        #expect(found[5].error == .noCertificate(file: PKI.shared.path("plain.key")))
        #expect(found[6].error == .groupsUnknown("X25519:P-255"))
    }

    @Test("a chain in which a certificate is damaged, or that is too long, is no shorter chain")
    func damagedChain() throws {
        let folder = NSTemporaryDirectory() + "samegate-chain-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let good = try String(contentsOfFile: PKI.shared.path("plain.pem"), encoding: .utf8)
        func count(_ text: String) throws -> Int {
            try text.write(toFile: folder + "/chain.pem", atomically: true, encoding: .utf8)
            let all = try CertificateFile.certificates(folder + "/chain.pem")
            for certificate in all { X509_free(certificate) }
            return all.count
        }
        let one = try count(good)
        #expect(try count(good + good) == 2 * one)
        #expect(try count(good + "\nwords at the end\n") == one)
        let damaged = SecureError.chainDamaged(file: folder + "/chain.pem", good: one)
        #expect(throws: damaged) { try count(good + "-----BEGIN CERTIFICATE-----\nMIIB") }
        #expect(throws: damaged) { try count(good + good.replacingOccurrences(of: "A", with: "!")) }
        #expect(throws: damaged) {
            try count(good + good.replacingOccurrences(of: "-----END CERTIFICATE-----", with: ""))
        }
        #expect(try count(String(repeating: good, count: 16 / one)) == 16 / one * one)
        #expect(throws: SecureError.self) { try count(String(repeating: good, count: 17)) }
    }

    @Test("a file of authorities may hold as many as a system has")
    func manyAuthorities() throws {
        let good = try String(contentsOfFile: PKI.shared.path("good-ca.pem"), encoding: .utf8)
        let file = PKI.shared.path("many.pem")
        try Data(String(repeating: good, count: 300).utf8).write(to: URL(fileURLWithPath: file))
        var settings = ClientSecuritySettings(serverName: "localhost")
        settings.authorityFile = file
        _ = try ClientSecurity(settings)
    }

    @Test("a list of ciphers in which none is known")
    func ciphers() {
        var settings = files("plain.pem", "plain.key")
        settings.profile.ciphers = "ROT13"
        #expect(problems(settings) == [SecureProblem(path: "ciphers", error: .ciphersUnknown("ROT13"))])
    }

    @Test("towards an upstream: authorities and our own certificate, each with its key in the settings")
    func client() {
        var settings = ClientSecuritySettings(serverName: "localhost")
        settings.authorityFile = PKI.shared.path("absent.pem")
        settings.certificate = .init(
            certificateFile: PKI.shared.path("client.pem"), keyFile: PKI.shared.path("plain.key"))
        do throws(SecureProblems) {
            _ = try ClientSecurity(settings)
            Issue.record("accepted")
        } catch {
            #expect(error.all.map(\.path) == ["ca_file", "key"])
        }
    }
}
