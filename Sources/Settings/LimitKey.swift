/// One bound of the `limits` section, which a listener or a route may state anew where it makes sense there.
///
/// Declared once for all three places, so that they cannot come to differ in bounds or meaning.
struct LimitKey {
    /// Where it may stand besides the `limits` section.
    enum Scope {
        /// Nowhere: it bounds the whole gateway.
        case gateway
        /// With a listener: what is decided before a route is known.
        case listener
        /// With a listener or a route.
        case route
    }

    let name: String
    let scope: Scope
    /// Reads it with its default.
    let read: (Section, inout LimitsSettings) -> Void
    /// Reads it where it may be left out; whether it was given.
    let readOverride: (Section, inout LimitsSettings) -> Bool
    /// Takes it over from other limits.
    let copy: (LimitsSettings, inout LimitsSettings) -> Void

    /// A key whose default is what `LimitsSettings` begins with.
    init<Value: Sendable>(
        _ name: String, _ path: WritableKeyPath<LimitsSettings, Value>, _ kind: Kind<Value>, _ scope: Scope,
        _ about: String
    ) {
        self.name = name
        self.scope = scope
        read = { $1[keyPath: path] = $0.value(name, kind, default: $1[keyPath: path], about) }
        readOverride = { section, limits in
            let value = section.optional(name, kind, absent: "as in limits", about)
            if let value { limits[keyPath: path] = value }
            return value != nil
        }
        copy = { $1[keyPath: path] = $0[keyPath: path] }
    }
}

/// The bounds that a listener or a route states for itself; the others are those of the `limits` section.
package struct LimitOverrides: Sendable, Equatable {
    /// Names of the keys given.
    package private(set) var given: Set<String> = []
    private var values = LimitsSettings()

    /// Reads the keys that may stand in this place.
    init(reading section: Section, forRoute: Bool) {
        for key in LimitsSettings.keys where key.scope == .route || !forRoute && key.scope == .listener {
            if key.readOverride(section, &values) { given.insert(key.name) }
        }
    }

    /// `limits` with what is stated here in its place.
    package func applied(to limits: LimitsSettings) -> LimitsSettings {
        var limits = limits
        for key in LimitsSettings.keys where given.contains(key.name) { key.copy(values, &limits) }
        return limits
    }
}
