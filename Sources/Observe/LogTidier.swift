/// Gzips the files a log set aside and removes those that are too many, touching no other file.
///
/// Every step may be the last before a crash: a copy is made under a name that says it is unfinished, renamed when the
/// disk has it, and only then is the original removed. The next run finishes what this one did not.
struct LogTidier: Sendable {
    private let plan: LogFilePlan
    private let files: any LogFileSystem
    private let counters: LogCounters

    init(plan: LogFilePlan, files: any LogFileSystem, counters: LogCounters) {
        self.plan = plan
        self.files = files
        self.counters = counters
    }

    /// Brings the directory in order, that of the file which a link leads to; what fails is counted and left for the next time.
    func run() {
        guard let target = files.target(of: plan.path) else { return }
        var place = plan
        place.path = target
        LogTidier(plan: place, files: files, counters: counters).tidy()
    }

    private func tidy() {
        removeUnfinished()
        // Before gzipping too: on a full disk there is no room for copies until old files are gone.
        removeSurplus()
        guard plan.isCompressed else { return }
        compress()
        removeSurplus()
    }

    /// The files set aside, the oldest first.
    private func rotated() -> [RotatedName] {
        let names = (try? files.list(plan.directory.isEmpty ? "." : plan.directory)) ?? []
        return names.compactMap { RotatedName($0, base: plan.name) }.sorted { $0.sequence < $1.sequence }
    }

    private func path(_ name: RotatedName, _ suffix: RotatedName.Suffix? = nil) -> String {
        plan.directory + name.name(base: plan.name, suffix: suffix)
    }

    private func removeUnfinished() {
        for name in rotated() where name.suffix == .partial {
            attempt { () throws(LogFileError) in try files.remove(path(name)) }
        }
    }

    private func compress() {
        for name in rotated() where name.suffix == .plain {
            attempt { () throws(LogFileError) in
                if files.identity(at: path(name, .gzipped)) == nil {
                    try files.gzip(path(name), to: path(name, .partial))
                    try files.rename(path(name, .partial), to: path(name, .gzipped))
                }
                try files.remove(path(name))
            }
        }
    }

    /// Removes the oldest until both bounds hold.
    private func removeSurplus() {
        let names = rotated().filter { $0.suffix != .partial }
        var count = 0
        var bytes: Int64 = 0
        for name in names.reversed() {
            count += 1
            bytes += files.identity(at: path(name))?.size ?? 0
            if count > plan.keepFiles || bytes > Int64(plan.keepBytes) {
                attempt { () throws(LogFileError) in try files.remove(path(name)) }
            }
        }
    }

    private func attempt(_ step: () throws(LogFileError) -> Void) {
        do {
            try step()
        } catch {
            counters.tidyErrors.add()
        }
    }
}
