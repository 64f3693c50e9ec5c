extension FramingError {
    /// The clause of the standard the message broke.
    package var clause: String {
        switch self {
        case .bareLineFeed, .bareCarriageReturn, .tooManyEmptyLines: "RFC 9112 §2.2"
        case .controlCharacter: "RFC 9110 §5.5"
        case .startLineTooLong, .malformedRequestLine: "RFC 9112 §3"
        case .malformedStatusLine: "RFC 9112 §4"
        case .malformedMethod: "RFC 9110 §9.1"
        case .malformedTarget, .targetDoesNotFitMethod, .missingHost, .repeatedHost: "RFC 9112 §3.2"
        case .malformedHost: "RFC 9110 §7.2"
        case .malformedVersion, .unsupportedVersion: "RFC 9112 §2.3"
        case .headTooLarge, .fieldTooLong, .tooManyFields: "RFC 9110 §5.4"
        case .foldedLine: "RFC 9112 §5.2"
        case .emptyFieldName, .spaceBeforeColon, .malformedFieldName, .missingColon: "RFC 9112 §5.1"
        case .unsupportedExpectation: "RFC 9110 §10.1.1"
        case .tooManyConnectionOptions: "RFC 9110 §7.6.1"
        case .tooManyInterimAnswers: "RFC 9110 §15.2"
        case .malformedContentLength, .repeatedContentLength: "RFC 9110 §8.6"
        case .contentLengthWithTransferEncoding: "RFC 9112 §6.3"
        case .repeatedTransferEncoding, .malformedTransferEncoding, .unsupportedTransferEncoding,
            .transferEncodingInOldVersion, .ambiguousFramingName:
            "RFC 9112 §6.1"
        case .bodyNotAllowed: "RFC 9112 §6.3"
        case .bodyTooLarge: "RFC 9110 §15.5.14"
        case .malformedChunkSize, .chunkSizeOverflow, .chunkLineTooLong, .malformedChunkEnd: "RFC 9112 §7.1"
        case .malformedChunkExtension, .chunkExtensionsTooLarge: "RFC 9112 §7.1.1"
        case .trailersTooLarge, .tooManyTrailers: "RFC 9112 §7.1.2"
        case .forbiddenTrailer: "RFC 9110 §6.5.1"
        case .truncated: "RFC 9112 §8"
        case .unexpectedBytes: "RFC 9112 §9.2"
        }
    }
}

extension FramingError: CustomStringConvertible {
    /// One sentence for the client and the log: what is wrong, and with which clause.
    package var description: String { "\(sentence) (\(clause))" }

    private var sentence: String {
        switch self {
        case .bareLineFeed: "A line ends with LF alone; it must end with CRLF"
        case .bareCarriageReturn: "A CR stands without its LF"
        case .controlCharacter: "A field value holds a control character"
        case .tooManyEmptyLines: "Too many empty lines precede the request line"
        case .startLineTooLong: "The start line is longer than this server accepts"
        case .malformedRequestLine: "The request line is not 'METHOD SP target SP HTTP/1.1'"
        case .malformedStatusLine: "The status line is not 'HTTP/1.1 SP status SP reason'"
        case .malformedMethod: "The method is not a token"
        case .malformedTarget:
            "The request target holds a character that must be percent-encoded, or has no known form"
        case .targetDoesNotFitMethod: "This form of request target is not allowed with this method"
        case .malformedVersion: "The protocol version is not HTTP/DIGIT.DIGIT"
        case .unsupportedVersion: "Only HTTP/1.1 and HTTP/1.0 are spoken here"
        case .headTooLarge: "The header section is larger than this server accepts"
        case .fieldTooLong: "A header field is longer than this server accepts"
        case .tooManyFields: "There are more header fields than this server accepts"
        case .foldedLine: "A header line begins with white space (line folding)"
        case .emptyFieldName: "A header field has no name"
        case .spaceBeforeColon: "White space stands between a field name and its colon"
        case .malformedFieldName: "A field name is not a token"
        case .missingColon: "A header line has no colon"
        case .missingHost: "An HTTP/1.1 request needs a Host field"
        case .repeatedHost: "There is more than one Host field"
        case .malformedHost: "The host is not 'name[:port]'"
        case .unsupportedExpectation: "The only expectation understood is 100-continue"
        case .tooManyConnectionOptions: "Connection lists more options than this server accepts"
        case .tooManyInterimAnswers: "There are more interim answers than this server accepts"
        case .malformedContentLength: "Content-Length is not a run of digits within range"
        case .repeatedContentLength: "There is more than one Content-Length"
        case .contentLengthWithTransferEncoding: "Content-Length and Transfer-Encoding exclude each other"
        case .repeatedTransferEncoding: "There is more than one Transfer-Encoding"
        case .malformedTransferEncoding: "Transfer-Encoding must be 'chunked', once and last"
        case .unsupportedTransferEncoding: "The only transfer coding understood is chunked"
        case .transferEncodingInOldVersion: "HTTP/1.0 has no Transfer-Encoding"
        case .ambiguousFramingName: "A field name can be mistaken for Content-Length or Transfer-Encoding"
        case .bodyNotAllowed: "A message that cannot have a body declares one"
        case .bodyTooLarge: "The body is larger than this server accepts"
        case .malformedChunkSize: "A chunk size is not a run of hexadecimal digits"
        case .chunkSizeOverflow: "A chunk size is out of range"
        case .chunkLineTooLong: "A chunk-size line is longer than this server accepts"
        case .malformedChunkExtension: "A chunk extension is malformed"
        case .chunkExtensionsTooLarge: "The chunk extensions are larger than this server accepts"
        case .malformedChunkEnd: "A chunk does not end with CRLF where its size says"
        case .trailersTooLarge: "The trailer section is larger than this server accepts"
        case .tooManyTrailers: "There are more trailer fields than this server accepts"
        case .forbiddenTrailer: "A trailer field tries to change framing or routing"
        case .truncated: "The connection ended inside a message"
        case .unexpectedBytes: "Bytes arrived that belong to no message"
        }
    }
}
