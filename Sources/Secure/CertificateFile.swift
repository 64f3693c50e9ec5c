import COpenSSL
import Foundation
import Transport

/// A certificate with its chain and key, read from files and checked against each other.
///
/// `@unchecked Sendable` because: nothing of it changes after `init`, and OpenSSL counts references atomically.
final class CertificateFile: @unchecked Sendable {
    /// The server's own certificate.
    let leaf: OpaquePointer
    /// What leads from it to an authority.
    let chain: [OpaquePointer]
    /// Its private key.
    let key: OpaquePointer
    /// The host names it is valid for.
    let names: [String]
    /// The time of the server's own certificate.
    let term: CertificateTerm
    /// Where the settings name the certificate.
    private let path: String
    private let file: String

    /// Longest file read. **Units**: bytes.
    static let bytesMax = 1 << 20
    /// Most certificates of a server's or client's own chain.
    static let chainMax = 16

    /// Reads both files. **Throws** every problem at once; `path` is where the settings name the pair.
    init(certificate: String, key keyFile: String, path: String) throws(SecureProblems) {
        var problems: [SecureProblem] = []
        var found: [OpaquePointer] = []
        var foundKey: OpaquePointer?
        do throws(SecureError) { found = try Self.certificates(certificate) } catch {
            problems.append(SecureProblem(path: path + ".certificate", error: error))
        }
        do throws(SecureError) { foundKey = try Self.privateKey(keyFile) } catch {
            problems.append(SecureProblem(path: path + ".key", error: error))
        }
        if let first = found.first {
            if let foundKey, X509_check_private_key(first, foundKey) != 1 {
                problems.append(
                    SecureProblem(
                        path: path + ".key", error: .keyMismatch(certificate: certificate, key: keyFile)))
            }
        }
        ErrorQueue.clear()
        guard problems.isEmpty, let first = found.first, let foundKey else {
            found.forEach { X509_free($0) }
            EVP_PKEY_free(foundKey)
            throw SecureProblems(all: problems)
        }
        leaf = first
        chain = Array(found.dropFirst())
        key = foundKey
        names = CertificateNames(first).dns
        term = CertificateTerm(of: first, certificate)
        self.path = path.isEmpty ? "certificate" : path + ".certificate"
        file = certificate
    }

    deinit {
        X509_free(leaf)
        chain.forEach { X509_free($0) }
        EVP_PKEY_free(key)
    }

    /// The kind of key: a context holds one certificate of each kind.
    var kind: Int32 { EVP_PKEY_get_base_id(key) }

    /// Adds what is to be known of its time.
    func tell(_ terms: inout CertificateTerms) {
        terms.warnings += term.doubt.map { [SecureProblem(path: path, error: $0)] } ?? []
        terms.ends.append(CertificateEnd(name: names.first ?? file, notAfter: term.notAfter))
    }

    /// Makes `context` show this certificate.
    func install(in context: OpaquePointer) -> Bool {
        guard let stack = OPENSSL_sk_new_null() else { return false }
        defer { OPENSSL_sk_free(stack) }
        for certificate in chain {
            guard OPENSSL_sk_push(stack, UnsafeRawPointer(certificate)) > 0 else { return false }
        }
        return SSL_CTX_use_cert_and_key(context, leaf, key, chain.isEmpty ? nil : stack, 1) == 1
    }

    // MARK: Reading

    /// The bytes of a file. **Throws** `unreadable` with the reason.
    static func read(_ file: String) throws(SecureError) -> [UInt8] {
        guard let handle = FileHandle(forReadingAtPath: file) else {
            throw .unreadable(file: file, reason: TransportError.reason(errno))
        }
        defer { try? handle.close() }
        let read = Result { try handle.read(upToCount: bytesMax + 1) }
        // At the end of a file there is no error and there are no bytes.
        guard case .success(let data?) = read else {
            let isEmpty = if case .success = read { true } else { false }
            throw .unreadable(file: file, reason: isEmpty ? "it is empty" : "reading it fails")
        }
        guard data.count <= bytesMax else {
            throw .unreadable(file: file, reason: "it is longer than \(bytesMax) bytes")
        }
        return Array(data)
    }

    /// The certificates of a file in their order, at least one and at most `countMax`; the caller owns them.
    static func certificates(
        _ file: String, countMax: Int = chainMax
    ) throws(SecureError) -> [OpaquePointer] {
        let bytes = try read(file)
        let (all, isWhole) = withMemory(bytes) { bio in
            var all: [OpaquePointer] = []
            ErrorQueue.clear()
            while all.count <= countMax, let next = PEM_read_bio_X509(bio, nil, nil, nil) { all.append(next) }
            // A certificate that is damaged, or one too many, must not look like the end of the file.
            let isWhole = all.count <= countMax && samegate_pem_is_over() == 1
            return (all, isWhole)
        }
        if isWhole, !all.isEmpty { return all }
        for certificate in all { X509_free(certificate) }
        throw all.isEmpty ? .noCertificate(file: file) : .chainDamaged(file: file, good: all.count)
    }

    private static func privateKey(_ file: String) throws(SecureError) -> OpaquePointer {
        var bytes = try read(file)
        defer { bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        let key = withMemory(bytes) { PEM_read_bio_PrivateKey($0, nil, samegate_refuse_passphrase(), nil) }
        if let key { return key }
        let text = String(decoding: bytes, as: UTF8.self)
        throw text.contains("ENCRYPTED") ? .keyEncrypted(file: file) : .noKey(file: file)
    }

    /// Calls `body` with a BIO that reads `bytes`; what it leaves in the error queue is forgotten.
    private static func withMemory<Result>(_ bytes: [UInt8], _ body: (OpaquePointer?) -> Result) -> Result {
        bytes.withUnsafeBytes { memory in
            let bio = BIO_new_mem_buf(memory.baseAddress, Int32(memory.count))
            defer {
                BIO_free(bio)
                ErrorQueue.clear()
            }
            return body(bio)
        }
    }
}
