import Foundation

/// How much of the machine's processors this process may use, as the kernel's files say.
///
/// Three things hold a process below what the machine has: the processors it may run on (affinity, cpuset), the memory
/// nodes it may allocate from, and the processor time that its control groups allow. Threads beyond the last do harm:
/// once the quota of a period is spent the kernel stops the whole process, event loops included, until the next one.
package struct ProcessorAllowance: Sendable, Equatable {
    /// Processors it may run on; empty where the kernel does not say.
    package let processors: Set<Int>
    /// Those of them beside memory that it may allocate: a thread elsewhere would read all weights over the link between
    /// nodes. All of them where the kernel does not say.
    package let nearMemory: Set<Int>
    /// The least quota of its control groups; nil without one. **Units** processors.
    package let quota: Double?

    /// How many threads can compute at once without being stopped: at least 1.
    package var workers: Int {
        let counted = nearMemory.isEmpty ? ProcessInfo.processInfo.activeProcessorCount : nearMemory.count
        // Rounded down: half a processor's worth of threads too many is a process that stands still now and then.
        return max(1, min(counted, quota.map { Int($0.rounded(.down)) } ?? counted))
    }

    /// How many event loops can run at once without being stopped: at least 1. Unlike workers they do not read weights, so that
    /// memory nodes do not matter.
    package var loops: Int {
        let counted = processors.isEmpty ? ProcessInfo.processInfo.activeProcessorCount : processors.count
        return max(1, min(counted, quota.map { Int($0.rounded(.down)) } ?? counted))
    }

    /// What the files below `root` (`/`, but for tests) say of this process.
    package init(root: String) {
        let files = KernelFiles(root: root)
        let status = files.lines("proc/self/status")
        let allowed = Self.list(after: "Cpus_allowed_list:", in: status)
        let nodes = Self.list(after: "Mems_allowed_list:", in: status)
        processors = allowed
        var near: Set<Int> = []
        for node in nodes {
            guard let text = files.text("sys/devices/system/node/node\(node)/cpulist") else { continue }
            near.formUnion(Self.numbers(text))
        }
        near.formIntersection(allowed)
        nearMemory = near.isEmpty ? allowed : near
        quota = ControlGroups(files).quota
    }

    private static func list(after name: String, in lines: [Substring]) -> Set<Int> {
        guard let line = lines.first(where: { $0.hasPrefix(name) }) else { return [] }
        return numbers(line.dropFirst(name.count))
    }

    /// The numbers of a list such as `0-3,8`; what is not one is left out. A machine has fewer than 2^16 processors.
    static func numbers(_ text: some StringProtocol) -> Set<Int> {
        var found: Set<Int> = []
        for part in text.split(separator: ",") {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map {
                Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
            guard let low = ends.first ?? nil, let high = ends.last ?? nil, (1...2).contains(ends.count),
                0 <= low, low <= high, high < 1 << 16
            else { continue }
            found.formUnion(low...high)
        }
        return found
    }
}
