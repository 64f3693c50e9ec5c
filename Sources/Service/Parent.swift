import CPosix
import Glibc

/// The process that started this one, where it does not want to be outlived by it.
package enum Parent {
    /// The variable in which such a parent gives its own process id.
    package static let variable = "SAMEGATE_PARENT"

    /// Has the system send this process SIGTERM when the parent that the environment names ends, however that ends: killed, too.
    /// Nothing where it names none; the variable goes, so that no child takes it for its own. **Throws** when it is malformed,
    /// or that parent has ended already.
    package static func follow(_ environment: [String: String]) throws(ServiceError) {
        guard let text = environment[variable] else { return }
        unsetenv(variable)
        guard let parent = Int32(text), parent > 0 else {
            throw .environment(name: variable, value: text, reason: "not a process id")
        }
        try ServiceError.check(
            cposix_end_with_parent(parent), "follow process \(parent), which started this one")
    }
}
