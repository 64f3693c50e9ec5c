/// How much a client, a network or a route may ask: one rate limit, for the routes that name it.
package struct RateSettings: Sendable, Equatable {
    /// Whose requests share a quota.
    package enum Sharer: String, Sendable, CaseIterable {
        /// Each client has its own; an anonymous one shares its network's.
        case client
        /// Each network has its own.
        case network
        /// Each route has its own, whoever asks.
        case route
    }

    /// What happens when there is no room to remember one more client.
    package enum Full: String, Sendable, CaseIterable {
        /// Its requests are refused.
        case deny
        /// Its requests are let in, unlimited.
        case allow
    }

    /// The name routes refer to, and clients see.
    package var name: String
    /// Cells that are refilled in `period`.
    package var cells: Int
    /// The time in which `cells` are refilled.
    package var period: Duration
    /// Cells that may be used at once; nil is as many as `cells`.
    package var burst: Int?
    /// Whose requests share a quota.
    package var by: Sharer
    /// How many leading bits of an IPv4 address are its network.
    package var ipv4Prefix: Int
    /// How many of an IPv6 address are.
    package var ipv6Prefix: Int
    /// What a row costs.
    package var cost: RateCostSettings
    /// What happens when there is no room to remember one more.
    package var onFull: Full

    init(_ name: String, reading section: Section) {
        self.name = name
        cells = section.required(
            "cells", .integer(in: 1...1_000_000_000),
            "Cells that are refilled in `per`; a row costs one unless `cost` says.")
        period = section.value(
            "per", .duration(in: .milliseconds(1) ... .seconds(366 * 86_400)), default: .seconds(1),
            "The time in which `cells` are refilled, evenly.")
        burst = section.optional(
            "burst", .integer(in: 1...1_000_000_000), absent: "as many as `cells`",
            "Cells that may be used at once. What costs more, as a batch may, waits for all of them and owes the rest."
        )
        by = section.value(
            "by", .choice(), default: .client,
            "Whose requests share a quota; an anonymous client shares that of its network.")
        ipv4Prefix = section.value(
            "ipv4_prefix", .integer(in: 0...32), default: 24,
            "How many leading bits of an IPv4 address are its network; 32 gives each address a quota of its own."
        )
        ipv6Prefix = section.value(
            "ipv6_prefix", .integer(in: 0...128), default: 64,
            "How many leading bits of an IPv6 address are its network; a single subscriber has 2^64 addresses at least."
        )
        cost = section.section("cost", "What each row of a request costs.", RateCostSettings.init(reading:))
        onFull = section.value(
            "on_full", .choice(), default: .deny,
            "For a client that `limits.rate_keys` leaves no room to remember; `deny` answers 503.")
    }
}

/// What each row of a request costs.
package struct RateCostSettings: Sendable, Equatable {
    /// **Units** cells, whatever the score.
    package var base: Double
    /// **Units** cells for each nat of a scored row's surprise.
    package var perSurprise: Double
    /// **Units** cells, the most for a row; nil is the burst, or `base` where that is more.
    package var rowMax: Double?

    init(reading section: Section) {
        base = section.value("base", .number(in: 0...1e6), default: 1, "Cells for a row whatever its score.")
        perSurprise = section.value(
            "per_surprise", .number(in: 0...1e6), default: 0,
            "Cells for each nat of a scored row's surprise: at 1, a query at p99 costs 4.6 more, one at p99.9 6.9."
        )
        rowMax = section.optional(
            "row_max", .number(in: 0.001...1e9), absent: "the burst, or base if that is more",
            "The most that one row costs; at least base.")
        if let rowMax, rowMax < base, section.trusts("row_max"), section.trusts("base") {
            section.complain("is \(rowMax), less than base, \(base), which every row costs", about: "row_max")
        }
    }
}
