import Buffers
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
    /// would have brought (RFC 9110 §9.3.2, §15.4.5); there is none to go with 204 (§8.6).
    func append(_ head: ResponseHead, framing: BodyFraming, isBodiless: Bool, to output: inout ByteBuffer) {
        appendStatusLine(head.status, head.reason, to: &output)
        appendFields(
            head.fields, listsOptions: head.listsConnectionOptions,
            keepsLength: isBodiless && head.status != 204,
            to: &output)
        appendEnd(framing: framing, to: &output)
    }

    /// Appends the head of an answer of the gateway's own.
    func append(_ response: Response, framing: BodyFraming, to output: inout ByteBuffer) {
        output.append("HTTP/1.1 ")
        output.append(decimal: response.status)
        output.append(0x20)
        output.append(string: StatusReason.phrase(response.status))
        output.append("\r\n")
        appendFields(response.fields, keepsLength: false, to: &output)
        appendEnd(framing: framing, to: &output)
    }

    /// Appends an interim answer (RFC 9110 §15.2).
    static func appendInterim(_ head: ResponseHead, to output: inout ByteBuffer) {
        appendStatusLine(head.status, head.reason, to: &output)
        let connectionNames = ConnectionNames(head.fields, isNeeded: head.listsConnectionOptions)
        head.fields.appendLines(to: &output) { FieldKind($0) == .other && !connectionNames.contains($0) }
        output.append("\r\n")
    }

    /// Appends the head of a switch to WebSocket (RFC 9110 §15.2.2); what follows is no HTTP.
    func appendSwitch(_ head: ResponseHead, to output: inout ByteBuffer) {
        appendStatusLine(head.status, head.reason, to: &output)
        let connectionNames = ConnectionNames(head.fields)
        head.fields.appendLines(to: &output) { FieldKind($0) == .other && !connectionNames.contains($0) }
        output.append(dateLine)
        output.append("X-Request-Id: ")
        requestID.append(to: &output)
        output.append("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    }

    private static func appendStatusLine(_ status: Int, _ reason: [UInt8], to output: inout ByteBuffer) {
        output.append("HTTP/1.1 ")
        output.append(decimal: status)
        output.append(0x20)
        output.append(reason)
        output.append("\r\n")
    }

    private func appendStatusLine(_ status: Int, _ reason: [UInt8], to output: inout ByteBuffer) {
        Self.appendStatusLine(status, reason, to: &output)
    }

    private func appendFields(
        _ fields: HeaderList, listsOptions: Bool = true, keepsLength: Bool, to output: inout ByteBuffer
    ) {
        let connectionNames = ConnectionNames(fields, isNeeded: listsOptions)
        var hasDate = false
        fields.appendLines(to: &output) { name in
            switch FieldKind(name) {
            case .hopByHop, .connection, .requestID: return false
            case .trailer: return keepsTrailers
            case .contentLength: return keepsLength
            case .date:
                hasDate = true
                return true
            default: return !connectionNames.contains(name)
            }
        }
        if !hasDate { output.append(dateLine) }
    }

    private func appendEnd(framing: BodyFraming, to output: inout ByteBuffer) {
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
