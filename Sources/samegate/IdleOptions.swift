import ArgumentParser

/// Options that something else on the command line makes void: given, they are most often a slip.
enum IdleOptions {
    /// Refuses those that were given, for the reason.
    static func refuse(_ options: [(name: String, isGiven: Bool)], _ reason: String) throws {
        let given = options.filter(\.isGiven).map(\.name)
        guard given.isEmpty else { throw ValidationError("\(given.joined(separator: ", ")): \(reason)") }
    }
}
