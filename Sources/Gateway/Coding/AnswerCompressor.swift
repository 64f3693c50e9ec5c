import Coding
import HTTPWire
import Proxy
import Synchronization

/// Compresses one streamed answer, where its route's rule and its client want it.
///
/// Memory is one deflater's, of which the gateway has a bounded number; an answer that finds none left passes as it came.
///
/// What an upstream says piece by piece reaches the client piece by piece: when the upstream pauses in an answer whose length
/// it has not told, as in a stream of events, everything said so far is flushed out. An answer whose length is known has an
/// end in sight and is flushed there alone, which spares short answers their half-filled blocks.
/// **Runs on** the exchange's loop.
final class AnswerCompressor: AnswerShaper, AnswerShaping {
    private let rule: CompressionRule
    private let services: CodingServices
    private var deflater: Deflater?
    private var coding = ContentCoding.gzip
    private var flushesAtPauses = false
    private var hasUnflushed = false
    private var plainBytes = 0
    private var codedBytes = 0

    init(_ rule: CompressionRule, _ services: CodingServices) {
        self.rule = rule
        self.services = services
    }

    deinit {
        if let deflater { services.deflaters.giveBack(deflater) }
    }

    // MARK: The head

    func shape(_ head: inout ResponseHead, for request: RequestHead) -> (any AnswerShaping)? {
        let count = head.contentLength
        guard rule.covers(status: head.status, head.fields, count: count) else { return nil }
        head.fields.varyByCoding()
        // HTTP/1.0 has no chunks, and a range is of the bytes as they are (RFC 9110 §14.2).
        guard request.version == .http11, !request.fields.contains("range"),
            case .coding(let coding) = request.fields.acceptEncoding.choice(isWanted: true)
        else { return nil }
        // The answer to HEAD has the same fields as GET's (RFC 9110 §9.3.2), and no body.
        if head.framing != .none {
            guard let deflater = services.deflaters.borrow(coding, level: rule.level, count: count) else {
                services.counters.passedUncompressed.wrappingAdd(1, ordering: .relaxed)
                return nil
            }
            self.deflater = deflater
        }
        self.coding = coding
        flushesAtPauses = count == nil
        head.fields.becomeCoded(coding)
        return self
    }

    // MARK: The body

    var codingName: String { coding.name }

    func append(_ bytes: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) -> Void) {
        plainBytes += bytes.count
        hasUnflushed = true
        run(bytes, .none, take)
    }

    func pause(_ take: (UnsafeRawBufferPointer) -> Void) {
        guard flushesAtPauses, hasUnflushed else { return }
        hasUnflushed = false
        run(UnsafeRawBufferPointer(start: nil, count: 0), .sync, take)
    }

    func end(_ take: (UnsafeRawBufferPointer) -> Void) {
        run(UnsafeRawBufferPointer(start: nil, count: 0), .finish, take)
        services.counters.countAnswer(plain: plainBytes, coded: codedBytes)
    }

    private func run(
        _ bytes: UnsafeRawBufferPointer, _ flush: Deflater.Flush, _ take: (UnsafeRawBufferPointer) -> Void
    ) {
        deflater?.deflate(bytes, flush) { piece in
            codedBytes += piece.count
            take(piece)
        }
    }
}

extension ResponseHead {
    /// How long the body is, or would have been in answer to GET; nil when the upstream has not said.
    fileprivate var contentLength: Int? {
        if case .length(let count) = framing { return Int(clamping: count) }
        return framing == .none ? fields.value("content-length").flatMap { Int($0) } : nil
    }
}
