import HTTPWire
import Transport

/// Writes a client's request head as the upstream is to see it.
///
/// Written straight into the connection's output: no header list is built for it.
struct RequestRewriter {
    let viaName: String
    let requestID: RequestID
    /// The client's address without port.
    let peer: [UInt8]
    /// Whether the client is a proxy whose `X-Forwarded-*` fields are believed.
    let isTrusted: Bool
    /// Whether the client speaks TLS.
    var isSecure = false
    /// Whether `Forwarded` is written.
    let sendsForwarded: Bool
    /// What is said of this connection.
    var options: UpstreamOptions = []
    /// The client's certificate where the upstream is told of it.
    var certificate: PeerCertificate?

    /// Appends the head for `server`; `framing` says how the body will follow.
    func append(
        _ head: RequestHead, framing: BodyFraming, for server: UpstreamServer, to output: inout [UInt8]
    ) {
        output.append(contentsOf: head.method.name.utf8)
        output.append(0x20)
        head.target.appendOriginForm(to: &output)
        output.append(" HTTP/1.1\r\n")
        appendHost(head, server, to: &output)
        let connectionNames = ConnectionNames(head.fields)
        var hasProto = false
        var hasHost = false
        for index in 0..<head.fields.count {
            let (kind, isListed) = head.fields.withName(at: index) {
                (FieldKind($0), connectionNames.contains($0))
            }
            switch kind {
            case .other, .date, .via: if !isListed { output.append(field: index, of: head.fields) }
            case .forwardedProto where isTrusted:
                hasProto = true
                output.append(field: index, of: head.fields)
            case .forwardedHost where isTrusted:
                hasHost = true
                output.append(field: index, of: head.fields)
            case .trailer: if framing == .chunked { output.append(field: index, of: head.fields) }
            case .realAddress where isTrusted: output.append(field: index, of: head.fields)
            default: break
            }
        }
        appendForwardedFor(head.fields, to: &output)
        if !hasProto {
            output.append(isSecure ? "X-Forwarded-Proto: https\r\n" : "X-Forwarded-Proto: http\r\n")
        }
        if !hasHost { appendForwardedHost(head.fields, to: &output) }
        if sendsForwarded { appendForwarded(head.fields, to: &output) }
        appendOwn(head, to: &output)
        output.append(framing: framing)
        output.append("\r\n")
    }

    private func appendHost(_ head: RequestHead, _ server: UpstreamServer, to output: inout [UInt8]) {
        output.append("Host: ")
        switch server.settings.hostField {
        case .fixed(let text): output.append(contentsOf: text.utf8)
        case .passThrough:
            if let index = head.fields.firstIndex(of: "host") {
                head.fields.withValue(at: index) { output.append(contentsOf: $0) }
            } else {
                output.append(contentsOf: server.authority.utf8)
            }
        case .upstream: output.append(contentsOf: server.authority.utf8)
        }
        output.append("\r\n")
    }

    /// One field whatever came: some servers read only the first or the last line of several.
    private func appendForwardedFor(_ fields: HeaderList, to output: inout [UInt8]) {
        output.append("X-Forwarded-For: ")
        var next = isTrusted ? fields.firstIndex(of: "x-forwarded-for") : nil
        while let index = next {
            fields.withValue(at: index) { output.append(contentsOf: $0) }
            output.append(", ")
            next = fields.firstIndex(of: "x-forwarded-for", from: index + 1)
        }
        output.append(contentsOf: peer)
        output.append("\r\n")
    }

    /// As with X-Forwarded-For; what had a colon must be quoted (RFC 7239 §4, §6).
    private func appendForwarded(_ fields: HeaderList, to output: inout [UInt8]) {
        output.append("Forwarded: ")
        var next = isTrusted ? fields.firstIndex(of: "forwarded") : nil
        while let index = next {
            fields.withValue(at: index) { output.append(contentsOf: $0) }
            output.append(", ")
            next = fields.firstIndex(of: "forwarded", from: index + 1)
        }
        let isIPv6 = peer.contains(0x3A)
        output.append(isIPv6 ? "for=\"[" : "for=")
        output.append(contentsOf: peer)
        if isIPv6 { output.append("]\"") }
        if let index = fields.firstIndex(of: "host") {
            fields.withValue(at: index) { host in
                let isPlain = !host.contains { $0 == 0x3A || $0 == 0x5B }
                output.append(isPlain ? ";host=" : ";host=\"")
                output.append(contentsOf: host)
                if !isPlain { output.append(0x22) }
            }
        }
        output.append(isSecure ? ";proto=https\r\n" : ";proto=http\r\n")
    }

    private func appendForwardedHost(_ fields: HeaderList, to output: inout [UInt8]) {
        guard let index = fields.firstIndex(of: "host") else { return }
        output.append("X-Forwarded-Host: ")
        fields.withValue(at: index) { output.append(contentsOf: $0) }
        output.append("\r\n")
    }

    private func appendOwn(_ head: RequestHead, to output: inout [UInt8]) {
        output.append(head.version == .http10 ? "Via: 1.0 " : "Via: 1.1 ")
        output.append(contentsOf: viaName.utf8)
        output.append("\r\nX-Request-Id: ")
        requestID.append(to: &output)
        output.append("\r\n")
        if !options.isEmpty { options.append(to: &output) }
        if let certificate { append(certificate, to: &output) }
    }

    /// All of it is printable ASCII: the rest is escaped or left out where the certificate is read.
    private func append(_ certificate: PeerCertificate, to output: inout [UInt8]) {
        func add(_ name: String, _ value: String) {
            output.append(contentsOf: "X-Client-Cert-\(name): \(value)\r\n".utf8)
        }
        add("Subject", certificate.subject)
        add("Fingerprint", certificate.fingerprint)
        for name in certificate.dnsNames { add("San-Dns", name) }
        for uri in certificate.uris { add("San-Uri", uri) }
    }
}
