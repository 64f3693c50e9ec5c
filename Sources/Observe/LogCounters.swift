import Synchronization

/// What a log did so far.
package struct LogCounts: Sendable, Equatable {
    /// Lines given to the disk.
    package var written: Int
    /// Lines that found the buffer full, or the log closed.
    package var dropped: Int
    /// Attempts to open, write or rotate that failed.
    package var writeErrors: Int
    /// Files set aside.
    package var rotations: Int
    /// Rotated files that could not be gzipped or removed.
    package var tidyErrors: Int

    /// Counts as given.
    package init(
        written: Int = 0, dropped: Int = 0, writeErrors: Int = 0, rotations: Int = 0, tidyErrors: Int = 0
    ) {
        self.written = written
        self.dropped = dropped
        self.writeErrors = writeErrors
        self.rotations = rotations
        self.tidyErrors = tidyErrors
    }
}

/// A count that any thread may raise and read.
package final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    /// A counter at 0.
    package init() {}

    /// The count so far.
    package var value: Int { count.load(ordering: .relaxed) }

    /// Raises the count.
    package func add(_ amount: Int = 1) {
        count.wrappingAdd(amount, ordering: .relaxed)
    }
}

/// The counters of one log.
final class LogCounters: Sendable {
    let written = Counter()
    let dropped = Counter()
    let writeErrors = Counter()
    let rotations = Counter()
    let tidyErrors = Counter()
    /// The `errno` of the last attempt that failed; 0 before one has.
    let lastError = Atomic<Int32>(0)

    /// Lines on their way to the disk. Each is counted once, as written or as dropped, whenever a disk that hangs lets go.
    private struct Flight {
        var lines = 0
        var isGivenUp = false
    }

    private let flight = Mutex(Flight())

    /// Whether what was on its way has been given up.
    var hasGivenUp: Bool { flight.withLock { $0.isGivenUp } }

    /// So many lines go on their way.
    func begin(_ lines: Int) { flight.withLock { $0.lines = lines } }

    /// So many of them are written.
    func wrote(_ lines: Int) {
        flight.withLock { flight in
            guard !flight.isGivenUp else { return }
            flight.lines -= lines
            written.add(lines)
        }
    }

    /// Gives up those that are left, whose number it returns.
    func giveUp() -> Int {
        flight.withLock { flight in
            defer { flight = Flight(lines: 0, isGivenUp: true) }
            return flight.lines
        }
    }

    var counts: LogCounts {
        LogCounts(
            written: written.value, dropped: dropped.value, writeErrors: writeErrors.value,
            rotations: rotations.value, tidyErrors: tidyErrors.value)
    }
}
