/// Why a byte stream is not an HTTP/1.1 message that everybody reads the same way.
///
/// After any of these the connection carries bytes of unknown meaning: answer with `status` if an answer is
/// still possible, then close. It is never reused, on either side.
package enum FramingError: String, Error, Sendable, Equatable, CaseIterable {
    // Lines
    case bareLineFeed
    case bareCarriageReturn
    case controlCharacter
    case tooManyEmptyLines
    // Start line
    case startLineTooLong
    case malformedRequestLine
    case malformedStatusLine
    case malformedMethod
    case malformedTarget
    case targetDoesNotFitMethod
    case malformedVersion
    case unsupportedVersion
    // Header section
    case headTooLarge
    case fieldTooLong
    case tooManyFields
    case foldedLine
    case emptyFieldName
    case spaceBeforeColon
    case malformedFieldName
    case missingColon
    case missingHost
    case repeatedHost
    case malformedHost
    case unsupportedExpectation
    case tooManyConnectionOptions
    case tooManyInterimAnswers
    // Body framing
    case malformedContentLength
    case repeatedContentLength
    case contentLengthWithTransferEncoding
    case repeatedTransferEncoding
    case malformedTransferEncoding
    case unsupportedTransferEncoding
    case transferEncodingInOldVersion
    case ambiguousFramingName
    case bodyNotAllowed
    case bodyTooLarge
    // Chunks
    case malformedChunkSize
    case chunkSizeOverflow
    case chunkLineTooLong
    case malformedChunkExtension
    case chunkExtensionsTooLarge
    case malformedChunkEnd
    case trailersTooLarge
    case tooManyTrailers
    case forbiddenTrailer
    // Stream
    case truncated
    case unexpectedBytes

    /// Its name in metrics and logs, which does not change: `bare-line-feed`.
    package var name: String {
        var name = ""
        for character in rawValue {
            if character.isUppercase { name += "-" }
            name += character.lowercased()
        }
        return name
    }

    /// The status a server answers with; as client of an upstream every one of them is a 502.
    package var status: Int {
        switch self {
        case .bodyTooLarge: 413
        case .startLineTooLong: 414
        case .unsupportedExpectation: 417
        case .headTooLarge, .fieldTooLong, .tooManyFields, .tooManyConnectionOptions, .trailersTooLarge,
            .tooManyTrailers:
            431
        case .unsupportedTransferEncoding: 501
        case .unsupportedVersion: 505
        default: 400
        }
    }

    /// Whether the connection must be closed: always, since where the next message begins is not known.
    package var mustClose: Bool { true }
}
