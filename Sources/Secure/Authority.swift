import COpenSSL

/// Certificate authorities of one file.
struct Authority {
    /// The file as it was read: what is trusted is known by it.
    let bytes: [UInt8]
    /// What is doubtful about the time of one of them; the first is enough, since a file may hold hundreds.
    let doubt: SecureError?
    private let file: String

    /// Reads the file. **Throws** when there is no certificate in it that can be used.
    init(_ file: String) throws(SecureError) {
        self.file = file
        bytes = try CertificateFile.read(file)
        // A system has a hundred and more; the length of the file bounds them.
        let found = try CertificateFile.certificates(file, countMax: .max)
        defer { found.forEach { X509_free($0) } }
        doubt = found.lazy.compactMap { CertificateTerm(of: $0, file).doubt }.first
    }

    /// Makes `context` trust these authorities and, as a server, name them to clients.
    func install(in context: OpaquePointer) -> Bool {
        guard SSL_CTX_load_verify_file(context, file) == 1, let names = SSL_load_client_CA_file(file) else {
            return false
        }
        SSL_CTX_set_client_CA_list(context, names)
        return true
    }
}
