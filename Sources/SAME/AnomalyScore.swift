import Foundation

/// How anomalous one query is, against the benign queries of the calibration.
package struct AnomalyScore: Hashable, Sendable {
    /// The terms as measured; absent ones were not computable.
    package var values: TermValues
    /// The combination of the terms before it is calibrated: the tail-sum in nats, or Eq. (6)'s S(x).
    package var raw: Double
    /// The share of benign queries scoring below this one. Units: percent, 0…100.
    package var percentile: Double
    /// −ln of the share of benign queries scoring at least this high: what a difficulty is tied to, since it
    /// keeps growing where the percentile has come to 100. Units: nats.
    package var surprise: Double
    /// The terms that took part, in order.
    package var terms: [ScoreTerm]

    /// A score with the percentile that its surprise means.
    package init(values: TermValues, raw: Double, surprise: Double, terms: [ScoreTerm]) {
        self.values = values
        self.raw = raw
        self.surprise = surprise
        self.terms = terms
        self.percentile = Self.percentile(surprise: surprise)
    }

    /// The benign percentile that a surprise means. Units: percent.
    package static func percentile(surprise: Double) -> Double { -100 * expm1(-surprise) }

    /// The surprise that a benign percentile means. Units: nats; infinite at 100.
    package static func surprise(percentile: Double) -> Double {
        percentile < 100 ? -log1p(-percentile / 100) : .infinity
    }
}
