import HTTPWire

/// What a parser saw, body bytes joined, so that two ways of cutting the stream compare equal.
enum Seen: Equatable {
    case request(RequestHead)
    case response(ResponseHead)
    case interim(ResponseHead)
    case body([UInt8])
    case end(HeaderList)
    case failure(FramingError)
}

/// Keeps a receive buffer the way a connection does and records events.
struct Feeder<Parser> {
    var parser: Parser
    var buffer: [UInt8] = []
    var seen: [Seen] = []
    /// Largest number of bytes that stayed unconsumed.
    var heldMax = 0
    let step: (inout Parser, [UInt8]) -> WireStep
    let head: (Parser, Bool) -> Seen
    let trailers: (Parser) -> HeaderList
    let afterEnd: (inout Parser) -> Void

    mutating func feed(_ piece: some Sequence<UInt8>) {
        buffer.append(contentsOf: piece)
        while true {
            let step = step(&parser, buffer)
            precondition(step.consumed >= 0 && step.consumed <= buffer.count, "consumed more than was fed")
            record(step)
            buffer.removeFirst(step.consumed)
            heldMax = max(heldMax, buffer.count)
            if case .needMoreBytes = step.event { return }
            if case .failure = step.event { return }
        }
    }

    private mutating func record(_ step: WireStep) {
        switch step.event {
        case .needMoreBytes: break
        case .head: seen.append(head(parser, false))
        case .interimHead: seen.append(head(parser, true))
        case .body(let range):
            precondition(
                !range.isEmpty && range.upperBound <= step.consumed, "body outside what was consumed")
            if case .body(let earlier) = seen.last {
                seen[seen.count - 1] = .body(earlier + buffer[range])
            } else {
                seen.append(.body(Array(buffer[range])))
            }
        case .end:
            seen.append(.end(trailers(parser)))
            afterEnd(&parser)
        case .failure(let error):
            if seen.last != .failure(error) { seen.append(.failure(error)) }
        }
    }
}

extension Feeder where Parser == RequestParser {
    init(limits: WireLimits = WireLimits()) {
        self.init(
            parser: RequestParser(limits: limits), step: { $0.next($1.span) },
            head: { parser, _ in .request(parser.head) },
            trailers: { $0.trailers }, afterEnd: { _ in })
    }
}

extension Feeder where Parser == ResponseParser {
    init(method: Method = .get, limits: WireLimits = WireLimits()) {
        var parser = ResponseParser(limits: limits)
        parser.begin(method: method)
        self.init(
            parser: parser, step: { $0.next($1.span) },
            head: { parser, interim in interim ? .interim(parser.head) : .response(parser.head) },
            trailers: { $0.trailers }, afterEnd: { $0.begin(method: method) })
    }
}

/// The events of a whole request stream fed in one piece.
func requests(_ text: String, limits: WireLimits = WireLimits()) -> [Seen] {
    requests(bytes: Array(text.utf8), limits: limits)
}

func requests(bytes: [UInt8], limits: WireLimits = WireLimits()) -> [Seen] {
    var feeder = Feeder<RequestParser>(limits: limits)
    feeder.feed(bytes)
    return feeder.seen
}

/// The events of a whole response stream fed in one piece.
func responses(_ text: String, to method: Method = .get, limits: WireLimits = WireLimits()) -> [Seen] {
    var feeder = Feeder<ResponseParser>(method: method, limits: limits)
    feeder.feed(Array(text.utf8))
    return feeder.seen
}

/// The one error a stream ends with, nil when it is accepted.
func failure(of seen: [Seen]) -> FramingError? {
    if case .failure(let error) = seen.last { return error }
    return nil
}

/// The first request's head, nil when there is none.
func firstHead(_ text: String) -> RequestHead? {
    if case .request(let head) = requests(text).first { return head }
    return nil
}

/// Bytes of a string written one per scalar, so that "\u{A0}" is the byte 0xA0.
func latin1(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }
