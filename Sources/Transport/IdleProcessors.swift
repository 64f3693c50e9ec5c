import CPosix

/// How many of the machine's processors have had nothing to do of late (/proc/uptime).
///
/// The kernel tells idle time in hundredths of a second, which is coarse beside the tenth over which it is asked here: figures
/// are averaged over the last few.
package struct IdleProcessors {
    /// The longest time over which a figure still says something of the present. **Units**: nanoseconds.
    private static let longest: UInt64 = 1_000_000_000
    /// What the newest figure counts for.
    private static let weight = 0.25

    private let read: () -> Int64
    private var last: (time: MonotonicTime, idle: Int64)?
    private var average = 0.0

    /// Of this machine; `read` gives the nanoseconds that all processors together have been idle, or less than 0 where nothing
    /// is to be learned.
    package init(read: @escaping () -> Int64 = cposix_idle_time) { self.read = read }

    /// How many, on average over the last few calls; 0 when the last was long ago, without end where the system does not say.
    package mutating func measure(at now: MonotonicTime) -> Double {
        let idle = read()
        guard idle >= 0 else { return .infinity }
        defer { last = (now, idle) }
        guard let last, now > last.time, now.nanoseconds - last.time.nanoseconds <= Self.longest else {
            average = 0
            return 0
        }
        let share = Double(idle - last.idle) / Double(now.nanoseconds - last.time.nanoseconds)
        average += (share - average) * Self.weight
        return average
    }
}
