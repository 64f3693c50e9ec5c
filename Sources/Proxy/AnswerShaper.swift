import HTTPWire

/// Decides of each streamed answer, once its head is there, whether its body reaches the client in another form.
///
/// A seam: the proxy frames, paces and counts, and knows no content coding.
package protocol AnswerShaper: AnyObject {
    /// Changes the head as the new form needs it, but for framing, and returns what makes that form; nil leaves the body
    /// as it is. `request` is as the client sent it. **Runs on** the exchange's loop.
    func shape(_ head: inout ResponseHead, for request: RequestHead) -> (any AnswerShaping)?
}

/// Makes one answer's body into another form, piece by piece. It is let go of when the answer ends, however it ends.
/// **Runs on** the exchange's loop.
package protocol AnswerShaping: AnyObject {
    /// The content coding that it makes, for the log.
    var codingName: String { get }
    /// Gives what comes of `bytes` to `take`, at once or later; pieces are valid during the call.
    func append(_ bytes: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) -> Void)
    /// The upstream has nothing more to say for now: what a client may be waiting for has to come out.
    func pause(_ take: (UnsafeRawBufferPointer) -> Void)
    /// The body is complete; the rest has to come out.
    func end(_ take: (UnsafeRawBufferPointer) -> Void)
}

extension ServerConnection {
    /// The answer's head as the client gets it. What is shaped is no longer as long as it was, and its end is told by
    /// chunks; the answer to HEAD says what GET would have brought (RFC 9110 §9.3.2) and has no body to shape.
    func shaped(_ head: ResponseHead, by shaper: any AnswerShaper) -> ResponseHead {
        var head = head
        guard let shaping = shaper.shape(&head, for: parser.head) else { return head }
        head.fields.remove("content-length")
        guard head.framing != .none else { return head }
        head.framing = .chunked
        exchange.shaping = shaping
        exchange.answerCoding = shaping.codingName
        return head
    }

    /// A piece of a body that is shaped.
    func shapeBody(_ bytes: UnsafeRawBufferPointer, by shaping: any AnswerShaping) {
        shaping.append(bytes) { sendPiece($0) }
    }

    /// The end of a body that is shaped; digests among the trailers would be those of another body (RFC 9530).
    func endShaping(_ shaping: any AnswerShaping, _ trailers: inout HeaderList) {
        shaping.end { sendPiece($0) }
        exchange.shaping = nil
        for name: StaticString in ["digest", "content-digest", "repr-digest"] { trailers.remove(name) }
    }

    /// Sends a piece of the body as the client's framing wants it.
    func sendPiece(_ bytes: UnsafeRawBufferPointer) {
        exchange.answerBodyBytes += bytes.count
        if exchange.answerFraming.isChunked {
            withOutput { WireWriter.appendChunkStart(bytes.count, to: &$0) }
            write(bytes)
            withOutput { WireWriter.appendChunkEnd(to: &$0) }
        } else {
            write(bytes)
        }
    }
}
