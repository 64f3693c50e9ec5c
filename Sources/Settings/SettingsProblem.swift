/// One mistake, or one doubtful choice, in a configuration file.
package struct SettingsProblem: Sendable, Equatable, CustomStringConvertible {
    /// Whether the daemon may start in spite of the problem.
    package enum Severity: String, Sendable {
        /// The configuration means nothing until this is mended.
        case error
        /// The configuration works, and may not do what its author wants.
        case warning
    }

    /// Whether this is an error or a warning.
    package let severity: Severity
    /// The configuration file as the user named it.
    package let file: String
    /// The line of the value in question, counted from 1.
    package let line: Int
    /// The column of the value in question, counted from 1.
    package let column: Int
    /// Where the value is in the document, `policies.default.bands[2].above`; empty for the document itself.
    package let path: String
    /// What is wrong and what to write instead.
    package let message: String

    /// `file:line:column: error: path: message`, the form editors jump to.
    package var description: String {
        let place = "\(file):\(line):\(column): \(severity.rawValue): "
        return place + (path.isEmpty ? "" : "\(path): ") + message
    }
}

/// A configuration that cannot be used, with everything that is wrong with it.
package struct SettingsError: Error, Equatable, CustomStringConvertible {
    /// Every problem of the file in the order of its lines; at least one is an error.
    package let problems: [SettingsProblem]

    /// One problem a line.
    package var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}
