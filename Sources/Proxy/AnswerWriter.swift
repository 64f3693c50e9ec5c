import HTTPWire

/// Writes answer heads as the client is to see them, straight into the connection's output.
struct AnswerWriter {
    let requestID: RequestID
    /// `Date: …` with its line end.
    let dateLine: [UInt8]
    /// Whether the connection ends with the answer.
    let closes: Bool
    /// Whether the client has to be told that it does not end, as HTTP/1.0 assumes.
    let sayKeepAlive: Bool
    /// Whether trailer fields follow the answer, if the upstream has announced any.
    var keepsTrailers = false

    /// Appends the head of an upstream's answer. `isBodiless` keeps its Content-Length, which then says what GET
    /// would have brought (RFC 9110 §9.3.2, §15.4.5).
    func append(_ head: ResponseHead, framing: BodyFraming, isBodiless: Bool, to output: inout [UInt8]) {
        appendStatusLine(head.status, head.reason, to: &output)
        appendFields(head.fields, keepsLength: isBodiless, to: &output)
        appendEnd(framing: framing, to: &output)
    }

    /// Appends the head of an answer of the gateway's own.
    func append(_ response: Response, framing: BodyFraming, to output: inout [UInt8]) {
        output.append("HTTP/1.1 ")
        output.append(decimal: response.status)
        output.append(0x20)
        output.append(contentsOf: StatusReason.phrase(response.status).utf8)
        output.append("\r\n")
        appendFields(response.fields, keepsLength: false, to: &output)
        appendEnd(framing: framing, to: &output)
    }

    /// Appends an interim answer (RFC 9110 §15.2).
    static func appendInterim(_ head: ResponseHead, to output: inout [UInt8]) {
        appendStatusLine(head.status, head.reason, to: &output)
        for index in 0..<head.fields.count {
            let kind = head.fields.withName(at: index) { FieldKind($0) }
            if case .other = kind { output.append(field: index, of: head.fields) }
        }
        output.append("\r\n")
    }

    /// Appends the head of a switch to WebSocket (RFC 9110 §15.2.2); what follows is no HTTP.
    func appendSwitch(_ head: ResponseHead, to output: inout [UInt8]) {
        appendStatusLine(head.status, head.reason, to: &output)
        let connectionNames = ConnectionNames(head.fields)
        for index in 0..<head.fields.count {
            let passes = head.fields.withName(at: index) {
                if case .other = FieldKind($0) { !connectionNames.contains($0) } else { false }
            }
            if passes { output.append(field: index, of: head.fields) }
        }
        output.append(contentsOf: dateLine)
        output.append("X-Request-Id: ")
        requestID.append(to: &output)
        output.append("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    }

    private static func appendStatusLine(_ status: Int, _ reason: [UInt8], to output: inout [UInt8]) {
        output.append("HTTP/1.1 ")
        output.append(decimal: status)
        output.append(0x20)
        output.append(contentsOf: reason)
        output.append("\r\n")
    }

    private func appendStatusLine(_ status: Int, _ reason: [UInt8], to output: inout [UInt8]) {
        Self.appendStatusLine(status, reason, to: &output)
    }

    private func appendFields(_ fields: HeaderList, keepsLength: Bool, to output: inout [UInt8]) {
        let connectionNames = ConnectionNames(fields)
        var hasDate = false
        for index in 0..<fields.count {
            let (kind, isListed) = fields.withName(at: index) {
                (FieldKind($0), connectionNames.contains($0))
            }
            switch kind {
            case .hopByHop, .connection, .requestID: continue
            case .trailer: if !keepsTrailers { continue }
            case .contentLength: if !keepsLength { continue }
            case .date: hasDate = true
            default: if isListed { continue }
            }
            output.append(field: index, of: fields)
        }
        if !hasDate { output.append(contentsOf: dateLine) }
    }

    private func appendEnd(framing: BodyFraming, to output: inout [UInt8]) {
        output.append("X-Request-Id: ")
        requestID.append(to: &output)
        output.append("\r\n")
        output.append(framing: framing)
        if closes {
            output.append("Connection: close\r\n")
        } else if sayKeepAlive {
            output.append("Connection: keep-alive\r\n")
        }
        output.append("\r\n")
    }
}
