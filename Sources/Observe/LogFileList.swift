/// The files that a command is given to read, in the order in which their lines were written: a shell names a log before what it has
/// set aside. Of a file that was set aside and its gzipped copy, both named, the copy alone is read: they hold the same lines.
package struct LogFileList: Sendable, Equatable {
    /// Those that a log has set aside, of each log the oldest first; they do not grow any more.
    package let rotated: [String]
    /// The others, as given.
    package let others: [String]

    /// Tells the files at `paths` apart by their names.
    package init(_ paths: [String]) {
        var rotated: [(log: String, sequence: Int, path: String)] = []
        var others: [String] = []
        let given = Set(paths)
        for path in paths where !given.contains(path + ".gz") || !Self.isSetAside(path) {
            let plan = LogFilePlan(path: path)
            if let base = RotatedName.base(of: plan.name), let name = RotatedName(plan.name, base: base) {
                rotated.append((plan.directory + base, name.sequence, path))
            } else {
                others.append(path)
            }
        }
        self.rotated = rotated.sorted { ($0.log, $0.sequence) < ($1.log, $1.sequence) }.map(\.path)
        self.others = others
    }

    /// Whether a path has the name that a log gives to a file set aside, before it is gzipped.
    static func isRotatedPlain(_ path: String) -> Bool {
        let name = LogFilePlan(path: path).name
        return RotatedName.base(of: name).flatMap { RotatedName(name, base: $0) }?.suffix == .plain
    }

    /// Whether a log, or a program such as logrotate that numbers files, has set the file at a path aside. A log that still grows
    /// has more lines than a copy of it.
    private static func isSetAside(_ path: String) -> Bool {
        let last = LogFilePlan(path: path).name.split(separator: ".").dropFirst().last
        return isRotatedPlain(path) || last.map { $0.allSatisfy { "0"..."9" ~= $0 } } ?? false
    }

    /// The rotated ones and then the others.
    package var all: [String] { rotated + others }
}
