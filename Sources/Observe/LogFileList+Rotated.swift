extension LogFileList {
    /// The files at `paths` with what each of these logs has set aside beside it, each file once; copies that are still being made
    /// are left out.
    package init(withRotatedOf paths: [String], files: any LogFileSystem = LocalLogFiles()) {
        var all = paths
        for path in paths {
            // Beside the file that a link leads to.
            let plan = LogFilePlan(path: files.target(of: path) ?? path)
            let names = (try? files.list(plan.directory.isEmpty ? "." : plan.directory)) ?? []
            all += names.sorted().compactMap { name in
                guard let rotated = RotatedName(name, base: plan.name), rotated.suffix != .partial else {
                    return nil
                }
                return plan.directory + name
            }
        }
        var seen: Set<String> = []
        self.init(all.filter { seen.insert($0).inserted })
    }
}
