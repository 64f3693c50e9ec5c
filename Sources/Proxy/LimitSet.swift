/// Limits that many connections share: a reference a connection instead of a copy.
package final class LimitSet: Sendable, Equatable {
    /// What they are.
    package let values: ProxyLimits

    /// These limits, to be shared.
    package init(_ values: ProxyLimits) { self.values = values }

    /// Whether they say the same.
    package static func == (left: LimitSet, right: LimitSet) -> Bool {
        left === right || left.values == right.values
    }
}
