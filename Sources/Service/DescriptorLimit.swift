import CPosix

/// How many descriptors the process may have open.
package enum DescriptorLimit {
    /// Raises the limit as far as the process may, and returns it. **Throws** when the system refuses.
    package static func raise() throws(ServiceError) -> UInt64 {
        var before: UInt64 = 0
        var after: UInt64 = 0
        try ServiceError.check(
            cposix_raise_descriptor_limit(&before, &after), "raise the limit of open descriptors")
        return after
    }
}
