/// The control groups that this process is in, and their quotas of processor time: `cpu.max` of version 2, and
/// `cpu.cfs_quota_us` over `cpu.cfs_period_us` of version 1.
///
/// **Source** the kernel's documents `cgroup-v2` and `sched-bwc`.
struct ControlGroups {
    /// The least quota of the group and all above it; nil without one. **Units** processors.
    let quota: Double?

    init(_ files: KernelFiles) {
        var found: [Double] = []
        let mounts = files.lines("proc/self/mountinfo").compactMap(Mount.init)
        for line in files.lines("proc/self/cgroup") {
            // number:controllers:path, where version 2 has the number 0 and no controllers.
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isSecond = parts[0] == "0" && parts[1].isEmpty
            guard isSecond || parts[1].split(separator: ",").contains("cpu"),
                let mount = mounts.first(where: { isSecond ? $0.isSecond : $0.hasProcessor })
            else { continue }
            for folder in mount.folders(of: String(parts[2])) {
                let quota = isSecond ? Self.second(folder, files) : Self.first(folder, files)
                if let quota { found.append(quota) }
            }
        }
        quota = found.min()
    }

    /// `max 100000`, or microseconds of processor time in microseconds of time.
    private static func second(_ folder: String, _ files: KernelFiles) -> Double? {
        let parts = files.lines(folder + "/cpu.max").first?.split(separator: " ") ?? []
        guard parts.count == 2 else { return nil }
        return quota(Double(parts[0]), Double(parts[1]))
    }

    /// A quota of −1 is none.
    private static func first(_ folder: String, _ files: KernelFiles) -> Double? {
        func number(_ name: String) -> Double? {
            files.lines("\(folder)/\(name)").first.flatMap { Double($0) }
        }
        return quota(number("cpu.cfs_quota_us"), number("cpu.cfs_period_us"))
    }

    private static func quota(_ used: Double?, _ period: Double?) -> Double? {
        guard let used, let period, used > 0, period > 0, (used / period).isFinite else { return nil }
        return used / period
    }

    /// A mounted hierarchy of control groups.
    private struct Mount {
        /// The group that is its root, as seen from outside: a container's own where its files are bound into it.
        let group: String
        /// Where it is.
        let folder: String
        let isSecond: Bool
        /// A hierarchy of version 1 with the processor controller.
        let hasProcessor: Bool

        /// A line of mountinfo: id parent device root folder options [tags…] - type source options.
        init?(_ line: Substring) {
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count >= dash + 4 else {
                return nil
            }
            group = String(fields[3])
            folder = String(fields[4])
            isSecond = fields[dash + 1] == "cgroup2"
            hasProcessor =
                fields[dash + 1] == "cgroup" && fields[dash + 3].split(separator: ",").contains("cpu")
            guard isSecond || hasProcessor else { return nil }
        }

        /// The folders of a group and of all above it, up to the mount.
        func folders(of path: String) -> [String] {
            var parts = path.split(separator: "/")
            let above = group.split(separator: "/")
            // A group outside what is mounted here shows as `/..`; what is mounted is the nearest that can be read.
            if parts.starts(with: above) { parts.removeFirst(above.count) } else { parts = [] }
            if parts.contains("..") { parts = [] }
            let base = String(folder.drop { $0 == "/" })
            return (0...parts.count).map {
                ([base] + parts.prefix($0).map(String.init)).joined(separator: "/")
            }
        }
    }
}
