import Foundation
import Yams

/// One walk over the declarations: it collects what is wrong, where each value stands, and what each key means.
///
/// The same declarations serve two purposes. Reading, they take their values from a document; documenting, there is no
/// document and every branch is entered once, so that the reference lists what the parser accepts and nothing else.
final class Session {
    /// What a walk is for.
    enum Purpose {
        /// Values come from a document and mistakes are collected.
        case reading
        /// No document; each declaration records what it would accept.
        case documenting
    }

    let purpose: Purpose
    let file: String
    let directory: String
    let files: FileProbe

    /// The text being read; nil when documenting.
    let document: Document?

    private(set) var problems: [SettingsProblem] = []
    private(set) var entries: [ReferenceEntry] = []
    private(set) var effective: [EffectiveValue] = []
    private(set) var places: Places
    /// The files and folders that the document names, by where it does.
    private(set) var named: [String: String] = [:]
    private var failed: Set<String> = []

    /// A walk over `document`; without one, a walk that documents.
    init(document: Document?, file: String, directory: String, files: FileProbe) {
        self.document = document
        purpose = document == nil ? .documenting : .reading
        self.file = file
        places = Places(file: file)
        self.directory = directory
        self.files = files
    }

    /// A walk that documents and keeps nothing: it yields a sample of what could not be read.
    static func scratch() -> Session {
        Session(document: nil, file: "", directory: "/", files: FileProbe { _ in .missing })
    }

    // MARK: Collecting

    /// Remembers that the document names a file or folder.
    func name(_ file: String, at path: String) { named[path] = file }

    /// Remembers where the value at `path` stands, for checks that come after reading.
    func locate(_ path: String, at mark: Place?) {
        places.marks[path] = mark
    }

    /// Records a mistake at a mark, and that the value at `path` is not to be trusted by later checks.
    func complain(_ message: String, path: String, at mark: Place?) {
        failed.insert(path)
        record(.error, message, path: path, at: mark)
    }

    /// Complains of a key given twice in a mapping that nobody read, because it was out of place itself.
    func reportUnreadDuplicates() {
        for duplicate in document?.duplicates ?? [] {
            let isReported = problems.contains {
                $0.line == duplicate.mark.line && $0.column == duplicate.mark.column
            }
            guard !isReported else { continue }
            complain(
                "is given more than once here; keep one", path: excerpt(duplicate.name), at: duplicate.mark)
        }
    }

    /// Records a problem found after reading, at the place where the value at `path` was read.
    func report(_ severity: SettingsProblem.Severity, _ message: String, path: String) {
        problems.append(places.problem(severity, message, path: path))
    }

    /// Records what `judge` finds in the files and folders that the document names without a mistake.
    func report(_ judge: NamedFileJudge) {
        for (path, file) in named.sorted(by: { $0.key < $1.key }) where trusts(path) {
            if let message = judge(path, file) { report(.error, message, path: path) }
        }
    }

    /// Whether the value at `path` was read without a mistake, so that checks across keys make sense of it.
    func trusts(_ path: String) -> Bool {
        !failed.contains { isSameOrUnder($0, path) || isSameOrUnder(path, $0) }
    }

    private func isSameOrUnder(_ path: String, _ other: String) -> Bool {
        path.hasPrefix(other)
            && (path.count == other.count || ".[".contains(path.dropFirst(other.count).first ?? " "))
    }

    /// Records what a key means (documenting), once.
    func document(_ entry: ReferenceEntry) {
        guard purpose == .documenting, !entries.contains(where: { $0.path == entry.path }) else { return }
        entries.append(entry)
    }

    /// Records the value in effect at `path` (reading), whether given or by default.
    func settle(_ path: String, _ value: String, given: Bool) {
        guard purpose == .reading else { return }
        effective.append(EffectiveValue(path: path, value: value, given: given))
    }

    private func record(
        _ severity: SettingsProblem.Severity, _ message: String, path: String, at mark: Place?
    ) {
        problems.append(
            SettingsProblem(
                severity: severity, file: file, line: mark?.line ?? 1, column: mark?.column ?? 1,
                path: path, message: message))
    }
}

/// Where each value of a document stands.
struct Places: Sendable {
    let file: String
    var marks: [String: Place] = [:]

    /// The mark of the value at `path`, or of the nearest enclosing value that the document gives.
    func nearest(_ path: String) -> Place? {
        var path = Substring(path)
        while true {
            if let mark = marks[String(path)] { return mark }
            guard let cut = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { return nil }
            path = path[..<cut]
        }
    }

    /// A problem at the place where the value at `path` was read.
    func problem(_ severity: SettingsProblem.Severity, _ message: String, path: String) -> SettingsProblem {
        let mark = nearest(path)
        return SettingsProblem(
            severity: severity, file: file, line: mark?.line ?? 1, column: mark?.column ?? 1, path: path,
            message: message)
    }
}
