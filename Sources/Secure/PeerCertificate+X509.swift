import COpenSSL
import Digest
import Transport

extension PeerCertificate {
    /// What a certificate says, or nil when it says something that cannot be read.
    init?(_ certificate: OpaquePointer) {
        guard let subject = Self.text(X509_get_subject_name(certificate)),
            let issuer = Self.text(X509_get_issuer_name(certificate)),
            let encoded = Self.encoded(certificate)
        else { return nil }
        let names = CertificateNames(certificate)
        self.init(
            subject: subject, issuer: issuer, serial: Self.serial(certificate),
            fingerprint: SHA256.digest(of: encoded).hex, dnsNames: names.dns, emails: names.emails,
            uris: names.uris)
    }

    private static func text(_ name: OpaquePointer?) -> String? {
        guard let name, let bio = samegate_name_text(name) else { return nil }
        defer { BIO_free(bio) }
        return contents(of: bio)
    }

    /// What a memory BIO holds, as text.
    static func contents(of bio: OpaquePointer) -> String {
        var bytes: UnsafeMutablePointer<CChar>?
        let count = samegate_bio_bytes(bio, &bytes)
        return String(decoding: UnsafeRawBufferPointer(start: bytes, count: max(0, count)), as: UTF8.self)
    }

    private static func encoded(_ certificate: OpaquePointer) -> [UInt8]? {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = i2d_X509(certificate, &bytes)
        guard count > 0, let bytes else { return nil }
        defer { CRYPTO_free(bytes, nil, 0) }
        return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
    }

    private static func serial(_ certificate: OpaquePointer) -> String {
        guard let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nil) else { return "" }
        defer { BN_free(number) }
        guard let text = BN_bn2hex(number) else { return "" }
        defer { CRYPTO_free(text, nil, 0) }
        return String(cString: text).lowercased()
    }
}

/// The names in a certificate's subjectAltName.
struct CertificateNames: Equatable {
    /// Host names in lower case, with or without a wildcard.
    var dns: [String] = []
    /// E-mail addresses.
    var emails: [String] = []
    /// URIs.
    var uris: [String] = []

    /// A name with anything but printable ASCII in it is left out: it could be taken for another (RFC 5280 §4.2.1.6).
    init(_ certificate: OpaquePointer) {
        withUnsafeMutablePointer(to: &self) { names in
            samegate_certificate_names(
                certificate,
                { context, kind, text, count in
                    guard let context, let text, count > 0 else { return }
                    let bytes = UnsafeRawBufferPointer(start: text, count: Int(count))
                    guard bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return }
                    let name = String(decoding: bytes, as: UTF8.self)
                    let names = context.assumingMemoryBound(to: CertificateNames.self)
                    switch kind {
                    case GEN_DNS: names.pointee.dns.append(name.lowercased())
                    case GEN_EMAIL: names.pointee.emails.append(name)
                    default: names.pointee.uris.append(name)
                    }
                }, names)
        }
    }
}
