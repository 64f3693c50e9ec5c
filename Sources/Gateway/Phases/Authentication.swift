import HTTPWire
import Identity
import Proxy
import Settings
import Transport

/// The first phase of every route: who asks, by the request's head alone.
struct Authentication {
    private let authenticator: Authenticator
    /// Whether the key field is this gateway's: without a key file it is whatever the upstream takes it for.
    private let hasKeys: Bool
    /// What of a certificate is its client's name; nil where certificates name nobody.
    private let certificateName: ClientCertificateSettings.Name?

    /// The phase of a gateway whose settings have an identity section.
    init(
        _ authenticator: Authenticator, hasKeys: Bool, certificateName: ClientCertificateSettings.Name? = nil
    ) {
        self.authenticator = authenticator
        self.hasKeys = hasKeys
        self.certificateName = certificateName
    }

    /// Whether `identify` looks at certificates.
    var usesCertificates: Bool { certificateName != nil }

    /// The client of a request on `route` at `now`, whose connection has shown `certificate`, which TLS has verified. The fields its credentials came in are removed from `fields`: they are
    /// for this gateway, and whoever reads the upstream's logs could use them.
    func identify(
        _ fields: inout HeaderList, on route: Route, now: Duration, certificate: PeerCertificate? = nil
    ) throws(AuthenticationError) -> ClientIdentity {
        guard route.authenticate != .none else {
            removeKeys(&fields)
            return .anonymous
        }
        var credentials = Authenticator.Credentials(
            authorization: fields.values("authorization"),
            apiKey: hasKeys ? fields.values(named: authenticator.keyField) : [])
        fields.remove("authorization")
        removeKeys(&fields)
        if credentials.authorization.isEmpty, credentials.apiKey.isEmpty, let certificate {
            credentials.certificate = try client(of: certificate)
        }
        let client = try authenticator.identify(credentials, route: route.name, now: now)
        guard client.kind != .anonymous || route.authenticate != .required else { throw .missing }
        guard route.admits(client.account) else { throw .notAdmitted(client.account) }
        return client
    }

    /// A certificate without the name that counts is wrong for this gateway, and never the same as none.
    private func client(of certificate: PeerCertificate) throws(AuthenticationError) -> ClientIdentity {
        let name: String? =
            switch certificateName {
            case .subject, nil: certificate.subject
            case .dnsName: certificate.dnsNames.first
            case .uri: certificate.uris.first
            case .fingerprint: certificate.fingerprint
            }
        guard let name, !name.isEmpty else { throw .certificateUnnamed }
        return .certificate(name: name, fingerprint: certificate.fingerprint)
    }

    /// Where nobody is asked, `Authorization` may be meant for the upstream, but keys of this gateway never are: clients
    /// send them along on all paths.
    private func removeKeys(_ fields: inout HeaderList) {
        guard hasKeys else { return }
        fields.remove(named: authenticator.keyField)
        let isKey = fields.values("authorization").contains {
            $0.split(separator: " ").last?.hasPrefix(APIKey.prefix) ?? false
        }
        if isKey {
            fields.remove("authorization")
        }
    }
}

extension HeaderList {
    /// The values of all fields called `name`, in order, for a name known only at run time.
    fileprivate func values(named name: String) -> [String] {
        var found: [String] = []
        var next = firstIndex(named: name)
        while let index = next {
            found.append(value(at: index))
            next = firstIndex(named: name, from: index + 1)
        }
        return found
    }
}
