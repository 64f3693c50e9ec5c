import Coding
import Proxy
import Settings

/// What decoding and encoding share on all routes of a gateway.
final class CodingServices: Sendable {
    private let decodedRatio: Int
    /// For answers that are compressed as they pass.
    let deflaters: DeflaterPool
    let counters: CodingCounters
    private let compressedAnswers: Int

    /// For a generation by these settings; what counts and lends goes on from an earlier one where it can.
    init(_ limits: LimitsSettings, after earlier: CodingServices? = nil) {
        counters = earlier?.counters ?? CodingCounters()
        compressedAnswers = limits.body.compressedAnswers
        decodedRatio = limits.body.decodedRatio
        if let earlier, earlier.compressedAnswers == limits.body.compressedAnswers {
            deflaters = earlier.deflaters
        } else {
            deflaters = DeflaterPool(borrowedMax: limits.body.compressedAnswers)
        }
    }

    /// For the body of a request that has these limits: plain it may be as long as one that comes plain.
    func requestLimits(_ limits: ProxyLimits) -> DecodingLimits {
        DecodingLimits(bytesMax: limits.requestBodyBytesMax, ratioMax: decodedRatio)
    }

    /// For the answer to it: not a client's to choose, so that its length alone is bounded.
    func answerLimits(_ limits: ProxyLimits) -> DecodingLimits {
        DecodingLimits(bytesMax: limits.answerBytesMax, ratioMax: .max)
    }
}

extension DecodingLimits {
    /// For an attempt on the loop, which other connections wait for: what is beyond goes to the scoring pool.
    func inline(bytesMax: Int) -> DecodingLimits {
        var limits = self
        limits.bytesMax = min(bytesMax, self.bytesMax)
        limits.blocksFloor = 64
        return limits
    }
}
