/// How much one key may use: the numbers of a GCRA limit in nanoseconds, ready for the hot path.
///
/// GCRA keeps one time for each key: the theoretical arrival time, at which everything used so far would have been
/// refilled. A request of cost c is let in when adding c cells to it leaves it at most a burst ahead of now. One that costs
/// more than a burst, as a batch of many rows may, is let in when the whole burst is there, and owes the rest: whoever
/// sends his queries in batches gets no more of them through than whoever sends them one by one.
/// Source: ITU-T I.371 Annex A, virtual scheduling; costs other than one cell as in a token bucket of the same rate.
package struct RateQuota: Hashable, Sendable {
    /// The longest time that refilling may take. **Units**: a year.
    package static let refillMax = Duration.seconds(366 * 86400)

    /// What a key can owe, in bursts: as many as a request has rows, since a row is seldom dearer than a burst.
    package static let burstsOwedMax: Int64 = 1024

    /// Cells that are refilled in `period`.
    package let cells: Int
    /// The time in which `cells` are refilled.
    package let period: Duration
    /// Cells that may be used at once.
    package let burst: RateCost

    private let periodNanoseconds: Int64
    /// The time in which a whole burst is refilled.
    let burstNanoseconds: Int64
    /// The longest time in which all that a key owes is refilled.
    let debtNanoseconds: Int64

    /// The time in which a whole burst is refilled.
    package var refillTime: Duration { .nanoseconds(burstNanoseconds) }

    /// A quota of `cells` a `period`, of which `burst` may come at once; nil unless all are positive, a burst is at least one
    /// cell, a cell takes a nanosecond or longer, and neither the period nor refilling a burst takes over a year.
    package init?(cells: Int, period: Duration, burst: RateCost? = nil) {
        guard cells > 0, cells <= 1_000_000_000, period > .zero, period <= Self.refillMax else { return nil }
        let burst = burst ?? RateCost(cells: cells)
        let nanoseconds = Self.nanoseconds(period)
        guard burst.millicells >= 1000, nanoseconds / Int64(cells) >= 1 else { return nil }
        self.cells = cells
        self.period = period
        self.burst = burst
        periodNanoseconds = nanoseconds
        let refill = Self.increment(burst, nanoseconds, cells)
        guard refill <= Self.nanoseconds(Self.refillMax) else { return nil }
        burstNanoseconds = refill
        let (debt, overflow) = refill.multipliedReportingOverflow(by: Self.burstsOwedMax)
        let most = 2 * Self.nanoseconds(Self.refillMax)
        debtNanoseconds = overflow ? most : min(debt, most)
    }

    /// The time in which `cost` is refilled, rounded up. So is a burst, once: however many the charges, rounding lets in no more
    /// than the quota and what one nanosecond refills. No cost is more than a key can owe.
    func increment(_ cost: RateCost) -> Int64 {
        cost == burst
            ? burstNanoseconds : min(Self.increment(cost, periodNanoseconds, cells), debtNanoseconds)
    }

    /// The cells that `nanoseconds` of refilling give, rounded down.
    func cost(_ nanoseconds: Int64) -> RateCost {
        guard nanoseconds > 0 else { return .zero }
        if nanoseconds >= burstNanoseconds { return burst }
        let (high, low) = nanoseconds.multipliedFullWidth(by: Int64(cells) * 1000)
        return RateCost(millicells: periodNanoseconds.dividingFullWidth((high, low)).quotient)
    }

    /// cost · period / cells, rounded up. The product takes 128 bits; the quotient is cut off at what a word holds.
    private static func increment(_ cost: RateCost, _ period: Int64, _ cells: Int) -> Int64 {
        let divisor = Int64(cells) * 1000
        let (high, low) = cost.millicells.multipliedFullWidth(by: period)
        guard high < divisor / 2 else { return .max }
        let (quotient, remainder) = divisor.dividingFullWidth((high, low))
        return remainder > 0 ? quotient + 1 : quotient
    }

    static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min / 4 : .max / 4 }
        return min(max(scaled, .min / 4), .max / 4) + attoseconds / 1_000_000_000
    }
}

/// What a request uses of a quota, in thousandths of a cell: a query's price may follow its anomaly score.
package struct RateCost: Hashable, Comparable, Sendable {
    /// Thousandths of a cell, from 0 to `millicellsMax`.
    package let millicells: Int64
    /// The largest cost: a million million cells.
    package static let millicellsMax: Int64 = 1_000_000_000_000_000

    /// A cost in thousandths; one out of bounds is brought to the nearer bound.
    package init(millicells: Int64) { self.millicells = min(max(millicells, 0), Self.millicellsMax) }

    /// A cost in whole cells, brought into bounds.
    package init(cells: Int) {
        let (product, overflow) = Int64(cells).multipliedReportingOverflow(by: 1000)
        self.init(millicells: overflow ? (cells < 0 ? 0 : .max) : product)
    }

    /// The cost of `cells`, rounded up to a thousandth. Not a number, and infinity, cost the most: what cannot be priced is
    /// not free.
    package init(_ cells: Double) {
        guard cells.isFinite, cells < 1e12 else {
            self.init(millicells: cells == -.infinity ? 0 : Self.millicellsMax)
            return
        }
        self.init(millicells: cells <= 0 ? 0 : Int64((cells * 1000).rounded(.up)))
    }

    /// Nothing.
    package static let zero = RateCost(millicells: 0)
    /// One cell.
    package static let one = RateCost(millicells: 1000)

    /// The cells as a number.
    package var cells: Double { Double(millicells) / 1000 }

    /// Less comes first.
    package static func < (left: RateCost, right: RateCost) -> Bool { left.millicells < right.millicells }
}
