import Coding
import Synchronization

/// What content codings have done and cost since the start. Any thread may read.
package final class CodingCounters: Sendable {
    /// Request bodies decoded, with the bytes before and after.
    package let requestsDecoded = Atomic<Int>(0)
    package let requestCodedBytes = Atomic<Int>(0)
    package let requestPlainBytes = Atomic<Int>(0)
    /// Request bodies beyond the bounds of decoding: refused, whatever `on_undecodable` says.
    package let overLimits = Atomic<Int>(0)
    /// Request bodies that are not of the coding they claim.
    package let corrupt = Atomic<Int>(0)
    /// Request bodies in a coding that is not known.
    package let unknown = Atomic<Int>(0)
    /// Upstreams' answers decoded to be read.
    package let answersDecoded = Atomic<Int>(0)
    /// Answers coded for clients, with the bytes before and after.
    package let answersEncoded = Atomic<Int>(0)
    package let answerPlainBytes = Atomic<Int>(0)
    package let answerCodedBytes = Atomic<Int>(0)
    /// Answers that passed uncompressed because as many were being compressed as may be.
    package let passedUncompressed = Atomic<Int>(0)

    /// All zero.
    package init() {}

    /// Counts a request body that could not be decoded.
    func count(_ error: CodingError) {
        switch error {
        case .unknownCoding: unknown.wrappingAdd(1, ordering: .relaxed)
        case _ where error.isOverLimit: overLimits.wrappingAdd(1, ordering: .relaxed)
        default: corrupt.wrappingAdd(1, ordering: .relaxed)
        }
    }

    /// Counts a decoded request body.
    func countRequest(coded: Int, plain: Int) {
        requestsDecoded.wrappingAdd(1, ordering: .relaxed)
        requestCodedBytes.wrappingAdd(coded, ordering: .relaxed)
        requestPlainBytes.wrappingAdd(plain, ordering: .relaxed)
    }

    /// Counts an answer coded for a client.
    func countAnswer(plain: Int, coded: Int) {
        answersEncoded.wrappingAdd(1, ordering: .relaxed)
        answerPlainBytes.wrappingAdd(plain, ordering: .relaxed)
        answerCodedBytes.wrappingAdd(coded, ordering: .relaxed)
    }
}
