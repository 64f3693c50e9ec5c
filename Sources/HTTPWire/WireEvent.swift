/// What a parser found in the bytes it was given.
package enum WireEvent: Sendable, Equatable {
    /// Nothing more can be told without more bytes.
    case needMoreBytes
    /// An interim answer's head (1xx but 101) is complete in `head`; the final head follows. Responses only.
    case interimHead
    /// The head is complete in the parser's `head`.
    case head
    /// These bytes of the fed span are body, chunk framing removed; never empty.
    case body(Range<Int>)
    /// The message is complete; trailer fields, if any, are in the parser's `trailers`.
    case end
    /// The stream is not HTTP as everybody reads it; the parser stays in this state and consumes nothing more.
    case failure(FramingError)
}

/// One step of a parser: an event, and how many bytes from the front of the span it is done with.
package struct WireStep: Sendable, Equatable {
    /// What was found.
    package let event: WireEvent
    /// Bytes from the front of the fed span that must not be fed again. A `.body` range lies within them.
    ///
    /// Head bytes are consumed all at once when the head completes; until then the caller keeps them and feeds
    /// them again with more behind. So the caller's buffer is the only copy, and is bounded by `headBytesMax`.
    package let consumed: Int
}

/// What the end of the stream means to a parser.
package enum EndOfInput: Sendable, Equatable {
    /// Between messages: an orderly close.
    case clean
    /// The end of the stream is the end of the body (a response without a length, RFC 9112 §6.3).
    case completesMessage
    /// Inside a message.
    case failure(FramingError)
}

/// How the end of a message's body is found (RFC 9112 §6.3).
package enum BodyFraming: Sendable, Equatable {
    /// There is no body.
    case none
    /// Exactly this many bytes.
    case length(UInt64)
    /// Chunked transfer coding.
    case chunked
    /// All bytes until the peer closes. Responses only.
    case untilClose
    /// No message follows: the connection is a tunnel from the end of the head on (2xx to CONNECT, or 101).
    case tunnel
}

/// The protocol versions spoken.
package enum HTTPVersion: Sendable, Equatable {
    case http10
    case http11
}
