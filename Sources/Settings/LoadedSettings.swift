import Foundation

/// What is wrong with the contents of a file or folder at an absolute path, given where the document names it; nil where nothing
/// is. It is asked when the document is refused anyway, so that whoever mends it is told of both at once; what a sound document
/// names is read by whoever uses it.
package typealias NamedFileJudge = (_ key: String, _ file: String) -> String?

/// A configuration that may be used: the settings, and what is doubtful about them.
package struct LoadedSettings: Sendable {
    /// The validated settings.
    package let settings: GatewaySettings
    /// Problems of severity warning, in the order of the file.
    package let warnings: [SettingsProblem]
    /// Every value in effect, given or by default; the key file's path stands where the key would.
    package let effective: [EffectiveValue]
    private let places: Places

    /// Reads a configuration file.
    ///
    /// **Throws** `SettingsError` with every mistake of the file at once, the warnings among them, and those that `judge` finds.
    package init(
        contentsOf path: String, files: FileProbe = .local, judge: NamedFileJudge = { _, _ in nil }
    ) throws(SettingsError) {
        func refuse(_ message: String) -> SettingsError {
            SettingsError(problems: [
                SettingsProblem(severity: .error, file: path, line: 1, column: 1, path: "", message: message)
            ])
        }
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw refuse("cannot be opened; give the configuration with --config FILE")
        }
        defer { try? handle.close() }
        // One byte more than allowed tells a file that is too long from one that just fits, without reading all of it.
        let read = Result { try handle.read(upToCount: Document.bytesMax + 1) }
        guard case .success(let bytes?) = read else {
            if case .success = read { throw refuse("is empty") }
            throw refuse(bytesMissing(path))
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw refuse("is not UTF-8 text") }
        let full = URL(fileURLWithPath: path).standardized
        try self.init(
            text: text, file: path, directory: full.deletingLastPathComponent().path, files: files,
            judge: judge)
    }

    /// Reads a configuration text; `file` names it in problems, and relative paths begin at `directory`.
    ///
    /// **Throws** `SettingsError` with every mistake at once, and those that `judge` finds.
    package init(
        text: String, file: String, directory: String, files: FileProbe = .local,
        judge: NamedFileJudge = { _, _ in nil }
    ) throws(SettingsError) {
        let document: Document
        do {
            document = try Document(text)
        } catch {
            let problem = SettingsProblem(
                severity: .error, file: file, line: error.mark.line, column: error.mark.column, path: "",
                message: error.message)
            throw SettingsError(problems: [problem])
        }
        let session = Session(document: document, file: file, directory: directory, files: files)
        let root = Section(path: "", node: document.root, session: session)
        var settings = GatewaySettings(reading: root)
        settings.files = session.named
        self.settings = settings
        root.refuseUnknownKeys()
        session.reportUnreadDuplicates()
        CrossCheck(settings, session).run()
        if session.problems.contains(where: { $0.severity == .error }) { session.report(judge) }
        let problems = session.problems.sorted {
            ($0.line, $0.column, $0.path) < ($1.line, $1.column, $1.path)
        }
        guard !problems.contains(where: { $0.severity == .error }) else {
            throw SettingsError(problems: problems)
        }
        warnings = problems
        effective = session.effective
        places = session.places
    }
}

extension LoadedSettings {
    /// An error found after reading, such as a bundle that cannot be loaded, at the line that the value at `path` (or what
    /// encloses it) stands on.
    package func problem(_ message: String, at path: String) -> SettingsProblem {
        places.problem(.error, message, path: path)
    }

    /// A doubt that came up after reading, such as a certificate that ends soon, at the same place.
    package func warning(_ message: String, at path: String) -> SettingsProblem {
        places.problem(.warning, message, path: path)
    }
}

private func bytesMissing(_ path: String) -> String {
    var isDirectory: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
    return exists && isDirectory.boolValue ? "is a directory; a file belongs here" : "cannot be read"
}
