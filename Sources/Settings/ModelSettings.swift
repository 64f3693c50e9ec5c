/// A bundle of trained networks that scores queries.
package struct ModelSettings: Sendable, Equatable {
    /// The name routes refer to.
    package var name: String
    /// The bundle's directory, absolute.
    package var bundle: String

    init(_ name: String, reading section: Section) {
        self.name = name
        bundle = section.required("bundle", .directory, "The bundle that `samegate fit` wrote.")
    }
}
