import Policy
import Settings
import Store

extension RateLimitRule {
    /// The rule that the settings state; nil when their numbers make none, which `GatewayAssembly` reports.
    init?(_ settings: RateSettings) {
        guard
            let quota = RateQuota(
                cells: settings.cells, period: settings.period,
                burst: settings.burst.map(RateCost.init(cells:)))
        else { return nil }
        let scope: Scope =
            switch settings.by {
            case .client: .client
            case .network: .network
            case .route: .route
            }
        let cost = settings.cost
        self.init(
            name: settings.name, quota: quota, scope: [scope],
            price: RateLimitPrice(
                base: RateCost(cost.base), perSurprise: RateCost(cost.perSurprise),
                rowMax: cost.rowMax.map { RateCost($0) } ?? quota.burst),
            prefixes: RateLimitNetwork.Prefixes(ipv4: settings.ipv4Prefix, ipv6: settings.ipv6Prefix)
                ?? .standard,
            whenUnknown: settings.onFull == .allow ? .allow : .deny)
    }
}
