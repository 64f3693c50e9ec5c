/// What is wrong with certificates, keys or lists that a context is to be made of.
package enum SecureError: Error, Equatable, Sendable {
    /// The file cannot be read.
    case unreadable(file: String, reason: String)
    /// There is no PEM certificate in the file.
    case noCertificate(file: String)
    /// After so many certificates the file holds one that cannot be read, or more than a chain may have.
    case chainDamaged(file: String, good: Int)
    /// There is no PEM private key in the file.
    case noKey(file: String)
    /// The private key is protected by a passphrase.
    case keyEncrypted(file: String)
    /// The key belongs to another certificate.
    case keyMismatch(certificate: String, key: String)
    /// The certificate's time is over, since this moment.
    case expired(file: String, since: String)
    /// The certificate's time begins at this moment.
    case notYetValid(file: String, from: String)
    /// The certificate's time is over soon, at this moment.
    case endsSoon(file: String, at: String)
    /// The library refuses the certificate, for this reason.
    case certificateRefused(file: String, reason: String)
    /// The library knows no cipher of this list.
    case ciphersUnknown(String)
    /// The library knows some group of this list not.
    case groupsUnknown(String)
    /// The library cannot be used, for this reason.
    case library(String)
}

extension SecureError: CustomStringConvertible {
    /// One sentence for a person who has to act on it.
    package var description: String {
        switch self {
        case .unreadable(let file, let reason): "\(file) cannot be read: \(reason)"
        case .chainDamaged(let file, let good):
            "\(file): after \(good) certificates there is one that cannot be read, or one too many"
        case .noCertificate(let file):
            "\(file) holds no certificate; it must have PEM with -----BEGIN CERTIFICATE-----"
        case .noKey(let file):
            "\(file) holds no private key; it must have PEM with -----BEGIN PRIVATE KEY-----"
        case .keyEncrypted(let file):
            "the key in \(file) has a passphrase, which nobody is there to type; remove it with: openssl pkey"
        case .keyMismatch(let certificate, let key):
            "the key in \(key) is not that of the first certificate in \(certificate)"
        case .expired(let file, let since):
            "the certificate in \(file) has expired: it was valid until \(since)"
        case .notYetValid(let file, let from): "the certificate in \(file) is valid only from \(from) on"
        case .endsSoon(let file, let at): "the certificate in \(file) ends soon: it is valid until \(at)"
        case .certificateRefused(let file, let reason): "the certificate in \(file) is refused: \(reason)"
        case .ciphersUnknown(let list): "'\(list)' names no cipher that is known here"
        case .groupsUnknown(let list): "'\(list)' names a group that is not known here"
        case .library(let reason): "OpenSSL cannot be used: \(reason)"
        }
    }
}

/// One thing that is wrong, and with which setting.
package struct SecureProblem: Error, Equatable, Sendable {
    /// The key under `tls`: `certificates[1].key`; empty for the whole.
    package let path: String
    /// What is wrong.
    package let error: SecureError
}

/// Everything that is wrong, not the first thing alone.
package struct SecureProblems: Error, Equatable, Sendable {
    /// Not empty.
    package let all: [SecureProblem]
}
