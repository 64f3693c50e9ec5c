/// Finds the body, its chunk framing and its trailers in the bytes behind a head. Shared by both parsers.
struct BodyReader: Sendable {
    /// What comes next in the stream.
    enum Stage: Sendable, Equatable {
        case data, chunkSize, chunkData, chunkEnd, trailers, untilClose, end
    }

    var stage = Stage.end
    /// Bytes left of the body or of the chunk.
    var remaining: UInt64 = 0
    /// Body bytes announced so far: a whole Content-Length, or every chunk size read.
    var announced: UInt64 = 0
    var extensionBytes = 0
    /// Bytes of the current chunk-size line already searched for its end.
    var lineSearched = 0
    /// The largest body allowed.
    var bytesMax: UInt64 = 0
    var trailers = HeadReader()

    /// Prepares for a body framed like this.
    mutating func begin(_ framing: BodyFraming, bytesMax: UInt64) {
        self.bytesMax = bytesMax
        remaining = 0
        announced = 0
        extensionBytes = 0
        lineSearched = 0
        trailers.reset()
        switch framing {
        case .none, .tunnel: stage = .end
        case .length(let length):
            stage = length == 0 ? .end : .data
            remaining = length
            announced = length
        case .chunked: stage = .chunkSize
        case .untilClose: stage = .untilClose
        }
    }

    /// The next event in `count` bytes at `base`, and how many of them are done with.
    mutating func next(
        _ base: UnsafePointer<UInt8>, _ count: Int, _ limits: WireLimits
    ) throws(FramingError) -> WireStep {
        guard announced <= bytesMax else { throw .bodyTooLarge }
        var position = 0
        while true {
            switch stage {
            case .end: return WireStep(event: .end, consumed: position)
            case .data, .chunkData:
                guard position < count else { return WireStep(event: .needMoreBytes, consumed: position) }
                return takeData(from: position, count)
            case .untilClose: return try takeUntilClose(count)
            case .chunkSize:
                guard let size = try readChunkSize(base + position, count - position, limits) else {
                    return WireStep(event: .needMoreBytes, consumed: position)
                }
                position += size
            case .chunkEnd:
                guard try readChunkEnd(base + position, count - position) else {
                    return WireStep(event: .needMoreBytes, consumed: position)
                }
                position += 2
            case .trailers:
                guard let length = try readTrailers(base + position, count - position, limits) else {
                    return WireStep(event: .needMoreBytes, consumed: position)
                }
                position += length
            }
        }
    }

    private mutating func takeData(from position: Int, _ count: Int) -> WireStep {
        let available = UInt64(count - position)
        let taken = available < remaining ? available : remaining
        remaining -= taken
        if remaining == 0 { stage = stage == .data ? .end : .chunkEnd }
        let end = position + Int(taken)
        return WireStep(event: .body(position..<end), consumed: end)
    }

    /// Delivers up to the limit before failing, so that how the bytes were cut changes nothing.
    private mutating func takeUntilClose(_ count: Int) throws(FramingError) -> WireStep {
        guard count > 0 else { return WireStep(event: .needMoreBytes, consumed: 0) }
        guard announced < bytesMax else { throw .bodyTooLarge }
        let taken = Int(min(UInt64(count), bytesMax - announced))
        announced += UInt64(taken)
        return WireStep(event: .body(0..<taken), consumed: taken)
    }

    /// Whether CRLF stands behind a chunk's data; false while it is incomplete.
    private mutating func readChunkEnd(
        _ base: UnsafePointer<UInt8>, _ count: Int
    ) throws(FramingError) -> Bool {
        guard count > 0 else { return false }
        guard base[0] == Bytes.carriageReturn else { throw .malformedChunkEnd }
        guard count > 1 else { return false }
        guard base[1] == Bytes.lineFeed else { throw .malformedChunkEnd }
        stage = .chunkSize
        return true
    }
}
