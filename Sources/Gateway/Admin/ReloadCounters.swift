import Digest
import Metrics
import Synchronization

/// How reloads went. Any thread may read.
final class ReloadCounters: MetricSource {
    private let succeeded = Atomic<Int>(0)
    private let failed = Atomic<Int>(0)
    /// **Units** seconds since 1970.
    let lastSuccess = Atomic<Int64>(0)
    private let hash = Atomic<UInt64>(0)
    /// Generations that something still refers to, the present one included.
    let generations = Atomic<Int>(0)

    /// Counts a configuration that took effect.
    func succeed(_ configuration: String, at unixSeconds: Int64, isFirst: Bool) {
        if !isFirst { succeeded.wrappingAdd(1, ordering: .relaxed) }
        lastSuccess.store(unixSeconds, ordering: .relaxed)
        // As many bits as a sample, which is a floating-point number, holds exactly.
        let bits = SHA256.digest(of: configuration).leading128
        hash.store(UInt64(truncatingIfNeeded: bits >> 76), ordering: .relaxed)
    }

    /// Counts a configuration that was refused.
    func fail() { failed.wrappingAdd(1, ordering: .relaxed) }

    /// Adds the numbers to a registry.
    func expose(in registry: MetricRegistry) throws(MetricError) {
        try registry.counter(
            "samegate_config_reloads_total", help: "Reloads by how they ended.",
            labels: [MetricLabel("result", ["success", "failure"])]
        ) { [self] index in
            UInt64(
                clamping: index == 0 ? succeeded.load(ordering: .relaxed) : failed.load(ordering: .relaxed))
        }
        try registry.gauge(
            "samegate_config_last_success_timestamp_seconds",
            help: "When the configuration in effect was taken up."
        ) { [self] _ in Double(lastSuccess.load(ordering: .relaxed)) }
        try registry.gauge(
            "samegate_config_hash",
            help: "The first 52 bits of the SHA-256 of the configuration in effect, as /config shows it."
        ) { [self] _ in Double(hash.load(ordering: .relaxed)) }
        try registry.gauge(
            "samegate_generations",
            help: "Configurations in use: the present one, and earlier ones that exchanges have begun with."
        ) { [self] _ in Double(generations.load(ordering: .relaxed)) }
    }
}
