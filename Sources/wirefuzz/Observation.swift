import HTTPWire

/// A parser of a byte stream, either kind.
protocol StreamParser {
    /// The next event.
    mutating func next(_ input: Span<UInt8>) -> WireStep
    /// What the end of the stream means.
    mutating func endOfInput(unconsumed: Int) -> EndOfInput
    /// Takes the head into the fingerprint.
    func describe(to fingerprint: inout Fingerprint)
    /// The trailer fields at the end of a message.
    var trailers: HeaderList { get }
    /// Makes ready for the next message.
    mutating func messageEnded()
}

extension Fingerprint {
    /// Takes fields in, in their order.
    mutating func add(_ fields: HeaderList) {
        for index in 0..<fields.count {
            fields.withName(at: index) { add($0) }
            add(58)
            fields.withValue(at: index) { add($0) }
            add(10)
        }
    }
}

extension RequestParser: StreamParser {
    func describe(to fingerprint: inout Fingerprint) {
        fingerprint.add(head.method.name.utf8)
        fingerprint.add(head.target.bytes)
        fingerprint.add(head.version == .http11 ? 1 : 0)
        fingerprint.add((head.keepsAlive ? 2 : 0) | (head.expectsContinue ? 1 : 0))
        fingerprint.add(head.fields)
    }

    mutating func messageEnded() {}
}

extension ResponseParser: StreamParser {
    func describe(to fingerprint: inout Fingerprint) {
        fingerprint.add(UInt8(truncatingIfNeeded: head.status))
        fingerprint.add(head.reason)
        fingerprint.add(head.fields)
    }

    mutating func messageEnded() { begin(method: .get) }
}

/// All that a parser saw of a stream.
struct Observation: Equatable {
    /// Heads, body bytes and trailers in order, however they were cut.
    var fingerprint = Fingerprint()
    /// How it ended.
    var end: EndOfInput?
    /// Messages that came to their end.
    var messages = 0
    /// The body bytes, of all messages one after the other.
    var body: [UInt8] = []
    /// Where in the stream the last whole message ended.
    var messagesEnd = 0

    /// Feeds the stream in the pieces that `cuts`, ascending, divide it into, as a connection would.
    init(of bytes: [UInt8], by parser: some StreamParser, cutAt cuts: [Int]) {
        var parser = parser
        var start = 0
        for limit in cuts + [bytes.count] {
            var wantsMore = false
            while !wantsMore {
                let step = parser.next(bytes.span.extracting(start..<limit))
                precondition(
                    step.consumed >= 0 && step.consumed <= limit - start, "consumed what was not fed")
                wantsMore = take(step, at: start, of: bytes, &parser)
                start += step.consumed
                if case .end = step.event { messagesEnd = start }
            }
        }
        end = parser.endOfInput(unconsumed: bytes.count - start)
        fingerprint.add(body)
    }

    /// Returns whether nothing more can be told without more bytes.
    private mutating func take(
        _ step: WireStep, at start: Int, of bytes: [UInt8], _ parser: inout some StreamParser
    ) -> Bool {
        switch step.event {
        case .needMoreBytes, .failure: return true
        case .head, .interimHead: parser.describe(to: &fingerprint)
        case .body(let range):
            precondition(!range.isEmpty && range.upperBound <= step.consumed, "a body that was not consumed")
            body += bytes[(start + range.lowerBound)..<(start + range.upperBound)]
        case .end:
            fingerprint.add(parser.trailers)
            messages += 1
            parser.messageEnded()
        }
        return false
    }
}
