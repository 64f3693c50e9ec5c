/// Requests out of a byte stream: a pure state machine over the connection's own receive buffer.
///
/// Feed `next` the unconsumed bytes from the front of the buffer, drop what it consumed, act on the event, and
/// repeat until `.needMoreBytes`. How the stream is cut into pieces never changes the events (body bytes may be cut
/// differently). After `.end` the next call begins the next, pipelined request; do not make it before the answer
/// to this one is under way. After `.failure` the connection must close.
package struct RequestParser: Sendable {
    private enum Stage: Sendable { case startLine, fields, body, failed }

    /// The bounds enforced.
    package let limits: WireLimits
    /// The request being read: method and target once the request line is in, fields once the head is complete.
    package private(set) var head = RequestHead(method: .get, target: RequestTarget())
    /// Lends the request without a copy, which costs a count up and down for each of its parts.
    package mutating func lendHead(_ body: (RequestHead) -> Void) { body(head) }

    private var stage = Stage.startLine
    private var emptyLines = 0
    private var reader = HeadReader()
    private var notes = FieldNotes()
    private var body = BodyReader()
    private var error = FramingError.truncated

    /// A parser at the start of a stream.
    package init(limits: WireLimits = WireLimits()) {
        self.limits = limits
    }

    /// The trailer fields of the request at `.end`; none before.
    package var trailers: HeaderList { body.stage == .end ? body.trailers.fields : HeaderList() }

    /// Whether no request is begun: only then may an idle connection be closed without an answer, and only
    /// while no byte of the next request lies in the buffer.
    package var isBetweenMessages: Bool { stage == .startLine }

    /// Replaces the body limit for the request whose head was just read, for routes with their own.
    /// A body already declared larger makes the next step fail with `.bodyTooLarge`.
    package mutating func limitBody(to bytesMax: UInt64) { body.bytesMax = bytesMax }

    /// The memory that the last head takes, and the next one will. **Units**: bytes.
    package var heldBytes: Int {
        head.fields.capacity + head.target.bytes.capacity + reader.fields.capacity
            + body.trailers.fields.capacity
    }

    /// Gives back the memory kept for the next head where it is more than so many bytes, for connections that turn idle.
    package mutating func releaseMemory(beyond bytes: Int = 0) {
        guard stage == .startLine, heldBytes > bytes else { return }
        head = RequestHead(method: .get, target: RequestTarget())
        reader = HeadReader()
        emptyLines = 0
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
        case .startLine where unconsumed == 0: return .clean
        default:
            _ = fail(.truncated)
            return .failure(.truncated)
        }
    }

    private mutating func next(_ base: UnsafePointer<UInt8>, _ count: Int) -> WireStep {
        do throws(FramingError) {
            switch stage {
            case .startLine, .fields: return try readHead(base, count)
            case .body:
                let step = try body.next(base, count, limits)
                if step.event == .end { beginMessage() }
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

    private mutating func beginMessage() {
        stage = .startLine
        emptyLines = 0
        reader.reset()
        notes = FieldNotes()
    }

    private mutating func readHead(
        _ base: UnsafePointer<UInt8>, _ count: Int
    ) throws(FramingError) -> WireStep {
        if stage == .startLine {
            guard try readStartLine(base, count) else { return WireStep(event: .needMoreBytes, consumed: 0) }
            stage = .fields
        }
        while true {
            let end = try reader.nextLineEnd(base, count, endMax: limits.headBytesMax, tooLong: .headTooLarge)
            if end < 0 { return WireStep(event: .needMoreBytes, consumed: 0) }
            if end == reader.lineStart { return try finishHead(base, end) }
            guard end - reader.lineStart <= limits.fieldBytesMax else { throw .fieldTooLong }
            let entry = try reader.readField(
                base, to: end, countMax: limits.headerCountMax, tooMany: .tooManyFields)
            let section = base + reader.sectionStart
            try notes.take(
                section + Int(entry.nameStart), Int(entry.nameLength),
                section + Int(entry.valueStart), Int(entry.valueLength), isRequest: true)
        }
    }

    /// Reads empty lines and the request line; false while they are incomplete.
    private mutating func readStartLine(
        _ base: UnsafePointer<UInt8>, _ count: Int
    ) throws(FramingError) -> Bool {
        while true {
            if reader.lineStart < count, !Self.mayBegin(base[reader.lineStart]) {
                // TLS and other protocols on this port are told so at their first byte.
                throw base[reader.lineStart] == Bytes.lineFeed ? .bareLineFeed : .malformedRequestLine
            }
            let endMax = reader.lineStart + limits.startLineBytesMax
            let end = try reader.nextLineEnd(base, count, endMax: endMax, tooLong: .startLineTooLong)
            if end < 0 { return false }
            if end > reader.lineStart {
                try parseRequestLine(base + reader.lineStart, end - reader.lineStart)
                reader.lineStart = end + 2
                reader.sectionStart = end + 2
                return true
            }
            emptyLines += 1
            guard emptyLines <= limits.emptyLinesMax else { throw .tooManyEmptyLines }
            reader.lineStart = end + 2
        }
    }

    @inline(__always)
    private static func mayBegin(_ byte: UInt8) -> Bool {
        Bytes.isToken(byte) || byte == Bytes.carriageReturn
    }

    private mutating func parseRequestLine(_ line: UnsafePointer<UInt8>, _ count: Int) throws(FramingError) {
        let methodLength = Bytes.tokenLength(line, count)
        guard methodLength > 0, methodLength < count, line[methodLength] == Bytes.space else {
            throw methodLength < count ? .malformedMethod : .malformedRequestLine
        }
        guard count >= methodLength + 11, line[count - 9] == Bytes.space else { throw .malformedRequestLine }
        let version = try VersionText.parse(line + (count - 8))
        guard let method = Method(token: UnsafeBufferPointer(start: line, count: methodLength)) else {
            throw .malformedMethod
        }
        head.method = method
        head.version = version
        try head.target.parse(line + (methodLength + 1), count - methodLength - 10, method: method)
    }

    private mutating func finishHead(
        _ base: UnsafePointer<UInt8>, _ end: Int
    ) throws(FramingError) -> WireStep {
        reader.finish(base, to: end)
        swap(&reader.fields, &head.fields)
        try resolveHost()
        try resolveFraming()
        body.begin(head.framing, bytesMax: limits.bodyBytesMax)
        stage = .body
        return WireStep(event: .head, consumed: end + 2)
    }

    /// Host is required in HTTP/1.1, and gives way to the authority of an absolute-form target.
    private mutating func resolveHost() throws(FramingError) {
        guard notes.hasHost || head.version == .http10 else { throw .missingHost }
        guard head.target.form == .absolute else { return }
        let authority = String(decoding: head.target.bytes[head.target.authorityRange], as: UTF8.self)
        do { try head.fields.set("Host", authority) } catch { throw .malformedHost }
    }

    private mutating func resolveFraming() throws(FramingError) {
        let isCurrent = head.version == .http11
        guard isCurrent || !notes.isChunked else { throw .transferEncodingInOldVersion }
        guard !isCurrent || !notes.hasUnknownExpectation else { throw .unsupportedExpectation }
        head.framing = notes.isChunked ? .chunked : notes.contentLength.map { .length($0) } ?? .none
        if head.method == .trace, head.framing != .none { throw .bodyNotAllowed }
        head.keepsAlive = notes.saysClose ? false : isCurrent || notes.saysKeepAlive
        head.acceptsTrailers = notes.acceptsTrailers
        head.wasForwarded = notes.hasVia
        head.carriesTrace = notes.hasTrace
        head.carriesRequestID = notes.hasRequestID
        head.listsConnectionOptions = notes.listsConnectionOptions
        head.expectsContinue = notes.expectsContinue && isCurrent && head.framing != .none
    }
}

/// `HTTP/1.1` and `HTTP/1.0` (RFC 9112 §2.3).
enum VersionText {
    /// Reads the eight bytes at `text`.
    @inline(__always)
    static func parse(_ text: UnsafePointer<UInt8>) throws(FramingError) -> HTTPVersion {
        if Bytes.equal(text, "HTTP/1.1") { return .http11 }
        if Bytes.equal(text, "HTTP/1.0") { return .http10 }
        guard Bytes.equal(text, "HTTP/"), Bytes.isDigit(text[5]), text[6] == 0x2E, Bytes.isDigit(text[7])
        else {
            throw .malformedVersion
        }
        throw .unsupportedVersion
    }
}
