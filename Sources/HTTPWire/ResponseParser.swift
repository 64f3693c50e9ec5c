/// Responses out of an upstream's byte stream, the same kind of machine as `RequestParser`.
///
/// Call `begin(method:)` for each request sent: how a response ends depends on what was asked. Bytes without a
/// request are `.unexpectedBytes`: a pooled connection that shows them is never used again.
package struct ResponseParser: Sendable {
    private enum Stage: Sendable { case idle, startLine, fields, body, failed }

    /// The bounds enforced.
    package let limits: WireLimits
    /// The response being read: status once its line is in, fields once the head is complete.
    package private(set) var head = ResponseHead(status: 0)
    /// Lends the response without a copy, which costs a count up and down for each of its parts.
    package mutating func lendHead(_ body: (ResponseHead) -> Void) { body(head) }

    private var stage = Stage.idle
    private var method = Method.get
    private var reader = HeadReader()
    private var notes = FieldNotes()
    private var body = BodyReader()
    private var error = FramingError.truncated

    /// A parser for a fresh connection.
    package init(limits: WireLimits = WireLimits()) {
        self.limits = limits
    }

    /// The trailer fields of the response at `.end`; none before.
    package var trailers: HeaderList { body.stage == .end ? body.trailers.fields : HeaderList() }

    /// Whether no response is awaited or begun.
    package var isBetweenMessages: Bool { stage == .idle }

    /// Awaits the response to a request with this method.
    package mutating func begin(method: Method) {
        precondition(stage == .idle, "a response is still being read")
        self.method = method
        beginHead()
    }

    /// Replaces the body limit for the response whose head was just read.
    package mutating func limitBody(to bytesMax: UInt64) { body.bytesMax = bytesMax }

    /// The memory that the last head takes, and the next one will. **Units**: bytes.
    package var heldBytes: Int {
        head.fields.capacity + reader.fields.capacity + body.trailers.fields.capacity
    }

    /// Gives back the memory kept for the next head where it is more than so many bytes, for connections that turn idle.
    package mutating func releaseMemory(beyond bytes: Int = 0) {
        guard stage == .idle, heldBytes > bytes else { return }
        head = ResponseHead(status: 0)
        reader = HeadReader()
        body = BodyReader()
    }

    /// The next event in `input`, the unconsumed bytes of the connection.
    package mutating func next(_ input: Span<UInt8>) -> WireStep {
        input.withUnsafeBufferPointer { buffer in
            // Without bytes only a finished body has something to say; nothing is read through the stand-in.
            next(buffer.baseAddress ?? StaticString("").utf8Start, buffer.count)
        }
    }

    /// What the end of the stream means when `unconsumed` bytes are left over.
    package mutating func endOfInput(unconsumed: Int) -> EndOfInput {
        switch stage {
        case .failed: return .failure(error)
        case .idle where unconsumed == 0: return .clean
        case .body where body.stage == .untilClose && unconsumed == 0:
            stage = .idle
            return .completesMessage
        default:
            _ = fail(.truncated)
            return .failure(.truncated)
        }
    }

    private mutating func next(_ base: UnsafePointer<UInt8>, _ count: Int) -> WireStep {
        do throws(FramingError) {
            switch stage {
            case .idle where count > 0: throw .unexpectedBytes
            case .idle: return WireStep(event: .needMoreBytes, consumed: 0)
            case .startLine, .fields: return try readHead(base, count)
            case .body:
                let step = try body.next(base, count, limits)
                if step.event == .end { stage = .idle }
                return step
            case .failed: return WireStep(event: .failure(error), consumed: 0)
            }
        } catch {
            return fail(error)
        }
    }

    private mutating func fail(_ error: FramingError) -> WireStep {
        self.error = error
        stage = .failed
        return WireStep(event: .failure(error), consumed: 0)
    }

    private mutating func beginHead() {
        stage = .startLine
        reader.reset()
        notes = FieldNotes()
    }

    private mutating func readHead(
        _ base: UnsafePointer<UInt8>, _ count: Int
    ) throws(FramingError) -> WireStep {
        if stage == .startLine {
            let end = try reader.nextLineEnd(
                base, count, endMax: limits.startLineBytesMax, tooLong: .startLineTooLong)
            if end < 0 { return WireStep(event: .needMoreBytes, consumed: 0) }
            try parseStatusLine(base, end)
            reader.lineStart = end + 2
            reader.sectionStart = end + 2
            stage = .fields
        }
        while true {
            let end = try reader.nextLineEnd(base, count, endMax: limits.headBytesMax, tooLong: .headTooLarge)
            if end < 0 { return WireStep(event: .needMoreBytes, consumed: 0) }
            if end == reader.lineStart { return try finishHead(base, end) }
            let entry = try reader.readField(
                base, to: end, countMax: limits.headerCountMax, tooMany: .tooManyFields)
            let section = base + reader.sectionStart
            try notes.take(
                section + Int(entry.nameStart), Int(entry.nameLength),
                section + Int(entry.valueStart), Int(entry.valueLength), isRequest: false)
        }
    }

    private mutating func parseStatusLine(_ line: UnsafePointer<UInt8>, _ count: Int) throws(FramingError) {
        guard count >= 12, line[8] == Bytes.space else { throw .malformedStatusLine }
        head.version = try VersionText.parse(line)
        var status = 0
        for index in 9..<12 {
            guard Bytes.isDigit(line[index]) else { throw .malformedStatusLine }
            status = status * 10 + Int(line[index] - 0x30)
        }
        // The space behind the code is required (RFC 9112 §4), but many leave it out when no phrase follows.
        guard status >= 100, count == 12 || line[12] == Bytes.space else { throw .malformedStatusLine }
        head.status = status
        head.reason.removeAll(keepingCapacity: true)
        guard count > 13 else { return }
        guard FieldValue.isValid(line + 13, count - 13) else { throw .malformedStatusLine }
        head.reason.append(contentsOf: UnsafeBufferPointer(start: line + 13, count: count - 13))
    }

    private mutating func finishHead(
        _ base: UnsafePointer<UInt8>, _ end: Int
    ) throws(FramingError) -> WireStep {
        reader.finish(base, to: end)
        swap(&reader.fields, &head.fields)
        try resolveFraming()
        if head.isInterim {
            beginHead()
            return WireStep(event: .interimHead, consumed: end + 2)
        }
        body.begin(head.framing, bytesMax: limits.bodyBytesMax)
        stage = .body
        return WireStep(event: .head, consumed: end + 2)
    }

    /// RFC 9112 §6.3, with every case refused in which the standard lets readers differ.
    private mutating func resolveFraming() throws(FramingError) {
        let isCurrent = head.version == .http11
        guard isCurrent || !notes.isChunked else { throw .transferEncodingInOldVersion }
        head.keepsAlive = notes.saysClose ? false : isCurrent || notes.saysKeepAlive
        head.listsConnectionOptions = notes.listsConnectionOptions
        if method == .connect, (200...299).contains(head.status) {
            head.framing = .tunnel
            return
        }
        if head.status < 200 || head.status == 204 {
            guard !notes.isChunked, notes.contentLength ?? 0 == 0 else { throw .bodyNotAllowed }
            head.framing = head.status == 101 ? .tunnel : .none
            return
        }
        if method == .head || head.status == 304 {
            head.framing = .none
        } else if notes.isChunked {
            head.framing = .chunked
        } else if let length = notes.contentLength {
            head.framing = .length(length)
        } else {
            head.framing = .untilClose
            head.keepsAlive = false
        }
    }
}
