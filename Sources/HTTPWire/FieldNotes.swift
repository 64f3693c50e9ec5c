/// What the fields that steer framing and the connection said, gathered as they are read.
struct FieldNotes: Sendable {
    var contentLength: UInt64?
    var isChunked = false
    var hasHost = false
    var saysClose = false
    var saysKeepAlive = false
    var expectsContinue = false
    var hasUnknownExpectation = false
    var acceptsTrailers = false
    /// Whether `Connection` names something else than whether to close.
    var listsConnectionOptions = false
    /// What `Connection` lists, in all its lines: each is looked for among the fields of the head.
    private var connectionOptions = 0
    private static let connectionOptionsMax = 32
    var hasVia = false
    var hasTrace = false
    var hasRequestID = false

    /// Takes note of one field of a head.
    ///
    /// `name` is a token and `value` is trimmed and free of controls; both lie at these places.
    @inline(__always)
    mutating func take(
        _ name: UnsafePointer<UInt8>, _ nameLength: Int, _ value: UnsafePointer<UInt8>, _ valueLength: Int,
        isRequest: Bool
    ) throws(FramingError) {
        switch nameLength {
        case 2 where isRequest && Self.isNamed(name, "te"):
            if TokenList(UnsafeBufferPointer(start: value, count: valueLength)).contains("trailers") {
                acceptsTrailers = true
            }
        case 3 where isRequest && Self.isNamed(name, "via"): hasVia = true
        case 4 where isRequest && Self.isNamed(name, "host"): try takeHost(value, valueLength)
        case 6 where isRequest && Self.isNamed(name, "expect"): takeExpect(value, valueLength)
        case 10:
            if Self.isNamed(name, "connection") { try takeConnection(value, valueLength) }
            if Self.isNamed(name, "tracestate") { hasTrace = true }
        case 11 where Self.isNamed(name, "traceparent"): hasTrace = true
        case 12 where Self.isNamed(name, "x-request-id"): hasRequestID = true
        case 14: try takeIfContentLength(name, value, valueLength)
        case 17: try takeIfTransferEncoding(name, value, valueLength)
        default: break
        }
    }

    @inline(__always)
    private static func isNamed(_ name: UnsafePointer<UInt8>, _ literal: StaticString) -> Bool {
        Bytes.isLiteral(name, literal)
    }

    private mutating func takeHost(_ value: UnsafePointer<UInt8>, _ count: Int) throws(FramingError) {
        guard !hasHost else { throw .repeatedHost }
        guard Authority.parse(value, count) != nil else { throw .malformedHost }
        hasHost = true
    }

    private mutating func takeExpect(_ value: UnsafePointer<UInt8>, _ count: Int) {
        if count == 12, Self.isNamed(value, "100-continue") {
            expectsContinue = true
        } else {
            hasUnknownExpectation = true
        }
    }

    private mutating func takeConnection(
        _ value: UnsafePointer<UInt8>, _ count: Int
    ) throws(FramingError) {
        // What nearly every client sends, without walking a list.
        if count == 10, Self.isNamed(value, "keep-alive") { return saysKeepAlive = true }
        if count == 5, Self.isNamed(value, "close") { return saysClose = true }
        listsConnectionOptions = true
        let list = TokenList(UnsafeBufferPointer(start: value, count: count))
        if list.contains("close") { saysClose = true }
        if list.contains("keep-alive") { saysKeepAlive = true }
        var members = list
        while members.next() != nil { connectionOptions += 1 }
        guard connectionOptions <= Self.connectionOptionsMax else { throw .tooManyConnectionOptions }
    }

    private mutating func takeIfContentLength(
        _ name: UnsafePointer<UInt8>, _ value: UnsafePointer<UInt8>, _ count: Int
    ) throws(FramingError) {
        guard Self.isNamed(name, "content-length") else {
            // Back ends behind CGI-like interfaces read `_` as `-`.
            if Bytes.equalIgnoringCase(name, StaticString("content_length").utf8Start, 14) {
                throw .ambiguousFramingName
            }
            return
        }
        guard contentLength == nil else { throw .repeatedContentLength }
        guard !isChunked else { throw .contentLengthWithTransferEncoding }
        contentLength = try Self.parseLength(value, count)
    }

    /// 1*DIGIT up to 2⁶³ − 1.
    private static func parseLength(
        _ value: UnsafePointer<UInt8>, _ count: Int
    ) throws(FramingError) -> UInt64 {
        guard count >= 1, count <= 19 else { throw .malformedContentLength }
        var length: UInt64 = 0
        for index in 0..<count {
            guard Bytes.isDigit(value[index]) else { throw .malformedContentLength }
            length = length &* 10 &+ UInt64(value[index] &- 0x30)
        }
        guard length <= UInt64(Int64.max) else { throw .malformedContentLength }
        return length
    }

    private mutating func takeIfTransferEncoding(
        _ name: UnsafePointer<UInt8>, _ value: UnsafePointer<UInt8>, _ count: Int
    ) throws(FramingError) {
        guard Self.isNamed(name, "transfer-encoding") else {
            if Bytes.equalIgnoringCase(name, StaticString("transfer_encoding").utf8Start, 17) {
                throw .ambiguousFramingName
            }
            return
        }
        guard !isChunked else { throw .repeatedTransferEncoding }
        guard contentLength == nil else { throw .contentLengthWithTransferEncoding }
        guard count == 7, Self.isNamed(value, "chunked") else { throw Self.codingError(value, count) }
        isChunked = true
    }

    /// 501 when the value is a list of tokens that only asks for codings we lack; 400 for everything else.
    private static func codingError(_ value: UnsafePointer<UInt8>, _ count: Int) -> FramingError {
        let bytes = UnsafeBufferPointer(start: value, count: count)
        var members = TokenList(bytes)
        var chunkedMembers = 0
        var known = 0
        while let member = members.next() {
            guard let base = member.baseAddress, Bytes.tokenLength(base, member.count) == member.count else {
                return .malformedTransferEncoding
            }
            guard chunkedMembers == 0 else { return .malformedTransferEncoding }
            if member.count == 7, isNamed(base, "chunked") { chunkedMembers += 1 } else { known += 1 }
        }
        return known > 0 ? .unsupportedTransferEncoding : .malformedTransferEncoding
    }
}
