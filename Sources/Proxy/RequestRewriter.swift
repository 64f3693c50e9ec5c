import Buffers
import HTTPWire
import Transport

/// Writes a client's request head as the upstream is to see it: no header list is built for it.
struct RequestRewriter {
    /// Who sends it.
    let sender: ForwardedSender
    let requestID: RequestID
    /// Whether the client is a proxy whose `X-Forwarded-*` fields are believed.
    let isTrusted: Bool
    /// What is said of this connection.
    var options: UpstreamOptions = []
    /// Its place in a trace.
    var trace: TraceParent?
    /// The client's certificate where the upstream is told of it.
    var certificate: PeerCertificate?

    /// Appends the head for `server`; `framing` says how the body will follow.
    func append(
        _ head: RequestHead, framing: BodyFraming, for server: UpstreamServer, to output: inout ByteBuffer
    ) {
        if case .get = head.method { output.append("GET ") } else { appendMethod(head.method, to: &output) }
        if head.method == .options, head.target.form == .absolute, head.target.hasNoPath {
            // It asks about the server, and this is the last proxy to say so (RFC 9112 §3.2.4).
            output.append("*")
        } else {
            head.target.appendOriginForm(to: &output)
        }
        output.append(" HTTP/1.1\r\nHost: ")
        appendHost(head, server, to: &output)
        let passed = appendPassedOn(head, framing, to: &output)
        appendForwarded(head.fields, passed, to: &output)
        appendOwn(head, to: &output)
        output.append(framing: framing)
        output.append("\r\n")
    }

    private func appendMethod(_ method: Method, to output: inout ByteBuffer) {
        output.append(string: method.name)
        output.append(UInt8(ascii: " "))
    }

    private func appendHost(_ head: RequestHead, _ server: UpstreamServer, to output: inout ByteBuffer) {
        switch server.settings.hostField {
        case .fixed(let text): output.append(string: text)
        case .passThrough:
            if let index = head.fields.firstIndex(of: "host") {
                head.fields.withValue(at: index) { output.append($0) }
            } else {
                output.append(string: server.authority)
            }
        case .upstream: output.append(string: server.authority)
        }
        output.append("\r\n")
    }

    /// What a believed proxy has said of the client already.
    private struct Passed {
        var proto = false
        var host = false
    }

    /// Appends the client's own fields, but those that concern its connection and those that are written anew.
    private func appendPassedOn(
        _ head: RequestHead, _ framing: BodyFraming, to output: inout ByteBuffer
    ) -> Passed {
        var passed = Passed()
        let connectionNames = ConnectionNames(head.fields, isNeeded: head.listsConnectionOptions)
        head.fields.appendLines(to: &output) { name in
            switch FieldKind(name) {
            case .other, .date, .via: return !connectionNames.contains(name)
            case .forwardedProto where isTrusted:
                passed.proto = true
                return true
            case .forwardedHost where isTrusted:
                passed.host = true
                return true
            case .trailer: return framing.isChunked
            case .realAddress where isTrusted: return true
            default: return false
            }
        }
        return passed
    }

    /// Appends who the client is: one field of each kind whatever came, as some servers read only the first or the last line of several.
    private func appendForwarded(_ fields: HeaderList, _ passed: Passed, to output: inout ByteBuffer) {
        output.append("X-Forwarded-For: ")
        if isTrusted { appendEntries(of: "x-forwarded-for", fields, to: &output) }
        output.append(sender.address)
        output.append("\r\n")
        if !passed.proto {
            output.append(
                sender.isSecure ? "X-Forwarded-Proto: https\r\n" : "X-Forwarded-Proto: http\r\n")
        }
        guard let index = fields.firstIndex(of: "host") else {
            return appendForwarded(fields, host: nil, to: &output)
        }
        fields.withValue(at: index) { host in
            if !passed.host {
                output.append("X-Forwarded-Host: ")
                output.append(host)
                output.append("\r\n")
            }
            appendForwarded(fields, host: host, to: &output)
        }
    }

    /// Appends `Forwarded` (RFC 7239 §4).
    private func appendForwarded(
        _ fields: HeaderList, host: UnsafeBufferPointer<UInt8>?, to output: inout ByteBuffer
    ) {
        guard sender.sendsForwarded else { return }
        output.append("Forwarded: ")
        if isTrusted { appendEntries(of: "forwarded", fields, to: &output) }
        output.append(sender.element)
        if let host {
            let isPlain = !host.contains { $0 == 0x3A || $0 == 0x5B }
            output.append(isPlain ? ";host=" : ";host=\"")
            output.append(host)
            if !isPlain { output.append(0x22) }
        }
        output.append(sender.isSecure ? ";proto=https\r\n" : ";proto=http\r\n")
    }

    /// Appends what proxies before have written, each followed by a comma.
    private func appendEntries(
        of name: StaticString, _ fields: HeaderList, to output: inout ByteBuffer
    ) {
        var next = fields.firstIndex(of: name)
        while let index = next {
            fields.withValue(at: index) { output.append($0) }
            output.append(", ")
            next = fields.firstIndex(of: name, from: index + 1)
        }
    }

    private func appendOwn(_ head: RequestHead, to output: inout ByteBuffer) {
        output.append(head.version == .http10 ? "Via: 1.0 " : "Via: 1.1 ")
        output.append(sender.viaName)
        output.append("X-Request-Id: ")
        requestID.append(to: &output)
        output.append("\r\n")
        if let trace, !trace.isInFields { trace.append(to: &output) }
        if !options.isEmpty { options.append(to: &output) }
        if let certificate { append(certificate, to: &output) }
    }

    /// All of it is printable ASCII: the rest is escaped or left out where the certificate is read.
    private func append(_ certificate: PeerCertificate, to output: inout ByteBuffer) {
        func add(_ name: String, _ value: String) {
            output.append(string: "X-Client-Cert-\(name): \(value)\r\n")
        }
        add("Subject", certificate.subject)
        add("Fingerprint", certificate.fingerprint)
        for name in certificate.dnsNames { add("San-Dns", name) }
        for uri in certificate.uris { add("San-Uri", uri) }
    }
}
