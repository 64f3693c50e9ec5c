/// The files that a command is given to read, in the order in which their lines were written: a shell names a log before what it has
/// set aside.
package struct LogFileList: Sendable, Equatable {
    /// Those that a log has set aside, of each log the oldest first; they do not grow any more.
    package let rotated: [String]
    /// The others, as given.
    package let others: [String]

    /// Tells the files at `paths` apart by their names.
    package init(_ paths: [String]) {
        var rotated: [(log: String, sequence: Int, path: String)] = []
        var others: [String] = []
        for path in paths {
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

    /// The rotated ones and then the others.
    package var all: [String] { rotated + others }
}
