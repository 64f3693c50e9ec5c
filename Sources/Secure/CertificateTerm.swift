import COpenSSL
import Glibc
import Transport

/// What is doubtful about certificates, and when they end.
///
/// An end is no reason to refuse a file: clients judge it by themselves, and a gateway that did not start, reload or hand over for it
/// would take every other name down besides.
package struct CertificateTerms: Equatable, Sendable {
    /// Those that have ended, have not begun or end soon, each with its setting.
    package var warnings: [SecureProblem] = []
    /// When each of the own certificates ends, in the order of the settings.
    package var ends: [CertificateEnd] = []

    /// Nothing is doubtful.
    package init() {}
}

/// When a certificate ends.
package struct CertificateEnd: Equatable, Sendable {
    /// Its first host name, or else its file.
    package let name: String
    /// **Units**: seconds since 1970.
    package let notAfter: Int
}

/// The time of one certificate.
struct CertificateTerm {
    /// Below this a certificate's end is told beforehand. **Units** seconds.
    static let soon = 14 * 24 * 3600

    /// **Units**: seconds since 1970.
    let notAfter: Int
    /// What is doubtful about it; nil where the present lies well within it.
    let doubt: SecureError?

    init(of certificate: OpaquePointer, _ file: String) {
        let end = X509_get0_notAfter(certificate)
        let start = X509_get0_notBefore(certificate)
        var parts = tm()
        notAfter = end.map { ASN1_TIME_to_tm($0, &parts) == 1 ? timegm(&parts) : 0 } ?? 0
        var later = time(nil) + Self.soon
        if let end, X509_cmp_current_time(end) <= 0 {
            doubt = .expired(file: file, since: Self.text(of: end))
        } else if let start, X509_cmp_current_time(start) > 0 {
            doubt = .notYetValid(file: file, from: Self.text(of: start))
        } else if let end, X509_cmp_time(end, &later) <= 0 {
            doubt = .endsSoon(file: file, at: Self.text(of: end))
        } else {
            doubt = nil
        }
    }

    private static func text(of time: UnsafePointer<ASN1_TIME>) -> String {
        guard let bio = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(bio) }
        return ASN1_TIME_print(bio, time) == 1 ? PeerCertificate.contents(of: bio) : ""
    }
}

/// Files that were read again and wait to be put into effect.
package struct SecurityChange: Sendable {
    /// What is to be known of their certificates.
    package let terms: CertificateTerms
    private let commit: @Sendable () -> Void

    init(_ terms: CertificateTerms, _ commit: @escaping @Sendable () -> Void) {
        self.terms = terms
        self.commit = commit
    }

    /// Puts them into effect, for new connections.
    package func callAsFunction() { commit() }
}
