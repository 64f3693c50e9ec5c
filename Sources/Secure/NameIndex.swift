/// Finds what belongs to a host name: the exact name first, then a wildcard for its first label (RFC 6125 §6.4.3).
struct NameIndex<Value> {
    private var exact: [String: Value] = [:]
    /// By what follows `*.`
    private var wildcards: [String: Value] = [:]

    /// Adds `value` for a name or a `*.`-name; the first for a name stays.
    mutating func add(_ value: Value, for name: String) {
        let name = Self.normal(name)
        if name.hasPrefix("*.") {
            let rest = String(name.dropFirst(2))
            if wildcards[rest] == nil { wildcards[rest] = value }
        } else if exact[name] == nil {
            exact[name] = value
        }
    }

    /// What belongs to `name`, or nil.
    func value(for name: String) -> Value? {
        let name = Self.normal(name)
        if let value = exact[name] { return value }
        guard !wildcards.isEmpty, let dot = name.firstIndex(of: "."), dot != name.startIndex else {
            return nil
        }
        return wildcards[String(name[name.index(after: dot)...])]
    }

    private static func normal(_ name: String) -> String {
        let lower = name.lowercased()
        return lower.hasSuffix(".") ? String(lower.dropLast()) : lower
    }
}
