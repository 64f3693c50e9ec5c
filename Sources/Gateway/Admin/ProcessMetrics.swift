import Digest
import Foundation
import Glibc
import Metrics
import Service
import Synchronization
import Transport

/// What the system knows of this process, by the names that every Prometheus client library gives it, and what it is.
struct ProcessMetrics: MetricSource {
    /// Of the configuration in effect, as the side door shows it.
    private let digest: String
    private static let started = ContinuousClock.now

    init(configuration: String) {
        digest = SHA256.digest(of: configuration).hex
        _ = Self.started
    }

    func expose(in registry: MetricRegistry) throws(MetricError) {
        try registry.counter(
            "process_cpu_seconds_total", help: "Time spent on processors by the program and for it.",
            readFraction: { ProcessStatus.now.cpuSeconds })
        try gauge(registry, "process_resident_memory_bytes", "Memory in use.") { Double($0.residentBytes) }
        try registry.gauge(
            "samegate_heap_bytes",
            help: "Memory that the allocator has of the system, used or kept for later.",
            labels: [MetricLabel("state", ["used", "kept"])]
        ) { Double($0 == 0 ? Heaps.use.used : Heaps.use.kept) }
        try gauge(registry, "process_virtual_memory_bytes", "Address space in use.") {
            Double($0.virtualBytes)
        }
        try gauge(registry, "process_threads", "Threads.") { Double($0.threads) }
        try gauge(registry, "process_start_time_seconds", "When the process began, since 1970.") {
            $0.startSeconds
        }
        try gauge(registry, "process_open_fds", "Descriptors open.") { _ in Double(ProcessStatus.descriptors)
        }
        try gauge(registry, "process_max_fds", "Descriptors that may be open.") { _ in
            Double(ProcessStatus.descriptorsMax)
        }
        try registry.gauge("samegate_uptime_seconds", help: "Time since the gateway was made.") { _ in
            (ContinuousClock.now - Self.started) / .seconds(1)
        }
        try registry.gauge(
            "samegate_build_info", help: "Always 1; what was built.",
            labels: [MetricLabel("swift", [Self.compiler]), MetricLabel("build", [Self.build])]
        ) { _ in 1 }
        try registry.gauge(
            "samegate_config_info", help: "Always 1; the SHA-256 of the configuration in effect.",
            labels: [MetricLabel("digest", [digest])]
        ) { _ in 1 }
    }

    private func gauge(
        _ registry: MetricRegistry, _ name: String, _ help: String,
        _ read: @escaping @Sendable (ProcessStatus) -> Double
    ) throws(MetricError) {
        try registry.gauge(name, help: help) { _ in read(.now) }
    }

    private static var compiler: String {
        #if compiler(>=6.3)
            "6.3"
        #elseif compiler(>=6.2)
            "6.2"
        #else
            "older"
        #endif
    }

    private static var build: String {
        #if DEBUG
            "debug"
        #else
            "release"
        #endif
    }
}

/// What Linux says of this process.
///
/// **Source** proc(5), `/proc/pid/stat`.
struct ProcessStatus {
    var cpuSeconds = 0.0
    var residentBytes = 0
    var virtualBytes = 0
    var threads = 0
    /// Since 1970.
    var startSeconds = 0.0

    /// As of now; zero for what the system does not tell.
    static var now: ProcessStatus {
        guard let text = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8) else {
            return ProcessStatus()
        }
        return ProcessStatus(
            stat: text, ticks: Double(sysconf(Int32(_SC_CLK_TCK))), pageBytes: sysconf(Int32(_SC_PAGESIZE)))
    }

    private init() {}

    /// Reads the line of `/proc/self/stat`. The name in parentheses may hold anything, so fields are counted from its end.
    init(stat: String, ticks: Double, pageBytes: Int) {
        guard let end = stat.lastIndex(of: ")") else { return }
        // The first of these is field 3.
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        func field(_ number: Int) -> Int { number - 3 < fields.count ? Int(fields[number - 3]) ?? 0 : 0 }
        cpuSeconds = Double(field(14) + field(15)) / ticks
        threads = field(20)
        virtualBytes = field(23)
        residentBytes = field(24) * pageBytes
        startSeconds = Self.bootSeconds + Double(field(22)) / ticks
    }

    /// By the clocks: a service may be shown nothing of /proc but processes.
    private static let bootSeconds: Double = {
        func seconds(_ clock: Int32) -> Double {
            var time = timespec()
            clock_gettime(clock, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        }
        return seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME)
    }()

    /// Descriptors open now, without the one that counting takes.
    static var descriptors: Int {
        max(0, ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.count ?? 1) - 1)
    }

    /// The most that may be open.
    static var descriptorsMax: Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(clamping: limit.rlim_cur)
    }
}

/// How late the loops are, and what they serve.
struct LoopMetrics: MetricSource {
    let loops: [EventLoop]

    func expose(in registry: MetricRegistry) throws(MetricError) {
        let label = MetricLabel("loop", loops.map { String($0.index) })
        try registry.gauge(
            "samegate_loop_lag_seconds",
            help: "How late a loop has of late been in taking up what was ready.", labels: [label]
        ) { [loops] in
            loops[$0].load.lag(at: loops[$0].clock.now()) / .seconds(1)
        }
        try registry.gauge(
            "samegate_loop_connections", help: "Connections that a loop serves now.", labels: [label]
        ) { [loops] in Double(loops[$0].load.count) }
    }
}
