import Store

/// One rate limit: whose requests share a quota, what a request costs, and what happens when nobody can say.
package struct RateLimitRule: Hashable, Sendable {
    /// What tells one quota from another.
    package enum Scope: String, Hashable, Sendable, CaseIterable, Comparable {
        /// The client; an anonymous one by its network, since all without a name would share one quota else.
        case client
        /// The network of the client's address.
        case network
        /// The route.
        case route

        /// In the order of the names.
        package static func < (left: Scope, right: Scope) -> Bool { left.rawValue < right.rawValue }
    }

    /// What to do with a request whose quota is unknown: the table is full, or the store is out.
    package enum Unknown: String, Hashable, Sendable, CaseIterable {
        /// Let it in: the service matters more than the limit.
        case allow
        /// Refuse it: the limit matters more.
        case deny
    }

    /// The rule's name, which is part of its keys and appears in `RateLimit` fields.
    package let name: String
    /// What its keys begin with: the name and everything that gives what is remembered its meaning. A rule that is changed
    /// by a reload begins anew; one that is not goes on.
    let keyText: String
    /// Rate and burst.
    package let quota: RateQuota
    /// What tells one quota from another; empty for one quota for everybody.
    package let scope: Set<Scope>
    /// What a request costs.
    package let price: RateLimitPrice
    /// How much of an address is its network.
    package let prefixes: RateLimitNetwork.Prefixes
    /// What to do when the quota is unknown.
    package let whenUnknown: Unknown

    /// A rule; nil when the name is not 1 to 64 of lower-case letters, digits, `_`, `-`.
    package init?(
        name: String, quota: RateQuota, scope: Set<Scope>, price: RateLimitPrice = .one,
        prefixes: RateLimitNetwork.Prefixes = .standard, whenUnknown: Unknown = .deny
    ) {
        let isName =
            (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
                    || byte == UInt8(ascii: "-")
            }
        guard isName else { return nil }
        self.name = name
        self.quota = quota
        self.scope = scope
        self.price = price
        self.prefixes = prefixes
        self.whenUnknown = whenUnknown
        let scopes = scope.sorted().map(\.rawValue).joined(separator: "+")
        keyText =
            "\(name) \(quota.cells)/\(quota.period) \(quota.burst.millicells) \(scopes)"
            + " \(prefixes.ipv4),\(prefixes.ipv6)"
    }
}

/// What a request costs, in cells.
package struct RateLimitPrice: Hashable, Sendable {
    /// What every row of a request costs.
    package let base: RateCost
    /// What each nat of a row's surprise adds: at one cell, a query at p99 costs 4.6 more.
    package let perSurprise: RateCost
    /// The most that a row can cost.
    package let rowMax: RateCost

    /// A price of `base` for a row, and `perSurprise` for each nat of its surprise, up to `rowMax`.
    package init(base: RateCost, perSurprise: RateCost = .zero, rowMax: RateCost? = nil) {
        self.base = base
        self.perSurprise = perSurprise
        self.rowMax = max(rowMax ?? RateCost(millicells: .max), base)
    }

    /// One cell a request row, whatever its score.
    package static let one = RateLimitPrice(base: .one)

    /// Whether the cost is known only when the rows are scored.
    package var dependsOnScore: Bool { perSurprise > .zero && rowMax > base }

    /// What is charged, or held, before scoring: the base price of each row.
    package func estimate(rows: Int) -> RateCost {
        let (product, overflow) = base.millicells.multipliedReportingOverflow(by: Int64(max(rows, 0)))
        return RateCost(millicells: overflow ? .max : product)
    }

    /// What the scored rows cost. A surprise that is not a number costs the most.
    package func cost(of rows: some Sequence<Assessment>) -> RateCost {
        var sum: Int64 = 0
        for row in rows {
            let addition = row.surprise.isNaN ? rowMax.cells : perSurprise.cells * max(0, row.surprise)
            let cost = min(RateCost(base.cells + addition), rowMax)
            sum = min(sum + cost.millicells, RateCost.millicellsMax)
        }
        return RateCost(millicells: sum)
    }
}
