import Coding
import Proxy
import Settings

/// What decoding and encoding share on all routes of a gateway.
final class CodingServices: Sendable {
    /// For request bodies.
    let requestLimits: DecodingLimits
    /// For upstreams' answers: not a client's to choose, so that their length alone is bounded.
    let answerLimits: DecodingLimits
    /// For answers that are compressed as they pass.
    let deflaters: DeflaterPool
    let counters: CodingCounters
    private let compressedAnswers: Int

    /// For a generation by these settings; what counts and lends goes on from an earlier one where it can.
    init(_ limits: LimitsSettings, after earlier: CodingServices? = nil) {
        counters = earlier?.counters ?? CodingCounters()
        compressedAnswers = limits.body.compressedAnswers
        requestLimits = DecodingLimits(
            bytesMax: limits.requestBodyBytes, ratioMax: limits.body.decodedRatio)
        answerLimits = DecodingLimits(bytesMax: limits.answerBytes, ratioMax: .max)
        if let earlier, earlier.compressedAnswers == limits.body.compressedAnswers {
            deflaters = earlier.deflaters
        } else {
            deflaters = DeflaterPool(borrowedMax: limits.body.compressedAnswers)
        }
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
