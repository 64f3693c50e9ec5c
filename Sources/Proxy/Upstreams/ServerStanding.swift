import Synchronization
import Transport

/// Whether a server is to be used, and for how much: what its health checks say, and how its requests fared.
///
/// Loops read it for each request they balance, so it is words without a lock; only an ejection takes one.
final class ServerStanding: Sendable {
    /// What the checks of its health say.
    enum Health: UInt8 {
        /// Nothing: there are none, or there was none yet. It is used.
        case unchecked
        case up
        case down
    }

    /// Whether it may be chosen.
    enum Availability {
        case available
        /// It is, from now on: the time for which it was left out is over.
        case returned
        case unavailable
    }

    private let weight: Double
    /// **Units**: nanoseconds.
    private let slowStart: UInt64
    private let state = Atomic<UInt8>(Health.unchecked.rawValue)
    /// The end of its being left out, 0 when it is not. **Units**: nanoseconds of the loops' clock.
    private let ejectedUntil = Atomic<UInt64>(0)
    /// When it came back and began to grow to its whole weight, 0 when it has it.
    private let growsSince = Atomic<UInt64>(0)
    private let failuresInRow = Atomic<Int>(0)
    private let history = Mutex(EjectionHistory())

    init(weight: Int, slowStart: Duration) {
        self.weight = Double(weight)
        self.slowStart = slowStart.nanoseconds
    }

    // MARK: For choosing

    func availability(at now: MonotonicTime) -> Availability {
        guard state.load(ordering: .relaxed) != Health.down.rawValue else { return .unavailable }
        let until = ejectedUntil.load(ordering: .relaxed)
        if until == 0 { return .available }
        guard until <= now.nanoseconds else { return .unavailable }
        let isFirst = ejectedUntil.compareExchange(expected: until, desired: 0, ordering: .relaxed).exchanged
        if isFirst { grow(from: now) }
        return isFirst ? .returned : .available
    }

    /// Its weight now: after it came back, a tenth at first and from there evenly to the whole.
    func weight(at now: MonotonicTime) -> Double {
        let since = growsSince.load(ordering: .relaxed)
        if since == 0 { return weight }
        let passed = now.nanoseconds - min(since, now.nanoseconds)
        guard passed < slowStart else {
            _ = growsSince.compareExchange(expected: since, desired: 0, ordering: .relaxed)
            return weight
        }
        return weight * max(0.1, Double(passed) / Double(slowStart))
    }

    private func grow(from now: MonotonicTime) {
        if slowStart > 0 { growsSince.store(max(1, now.nanoseconds), ordering: .relaxed) }
    }

    // MARK: Checks

    var health: Health { Health(rawValue: state.load(ordering: .relaxed)) ?? .unchecked }

    /// What the checks say from now on.
    func set(_ health: Health, at now: MonotonicTime) {
        let old = state.exchange(health.rawValue, ordering: .relaxed)
        if health == .up, old == Health.down.rawValue { grow(from: now) }
    }

    // MARK: Requests

    /// Whether it is left out for its failures.
    func isEjected(at now: MonotonicTime) -> Bool {
        ejectedUntil.load(ordering: .relaxed) > now.nanoseconds
    }

    /// A request was answered.
    func noteSuccess() {
        if failuresInRow.load(ordering: .relaxed) != 0 { failuresInRow.store(0, ordering: .relaxed) }
    }

    /// A request failed. Returns how many have in a row.
    func noteFailure() -> Int { failuresInRow.add(1, ordering: .relaxed).newValue }

    /// Leaves it out from now on. Returns for how long; nil when it is left out already.
    func eject(_ settings: EjectionSettings, at now: MonotonicTime) -> Duration? {
        history.withLock { history in
            guard ejectedUntil.load(ordering: .relaxed) == 0 else { return nil }
            let time = history.next(settings, at: now)
            failuresInRow.store(0, ordering: .relaxed)
            ejectedUntil.store(now.advanced(by: time).nanoseconds, ordering: .relaxed)
            return time
        }
    }
}

/// How long a server is left out the next time: twice as long as the last, unless it has long been good.
struct EjectionHistory {
    private var count = 0
    private var lastEnd = MonotonicTime(nanoseconds: 0)

    /// The length of an ejection that begins now.
    mutating func next(_ settings: EjectionSettings, at now: MonotonicTime) -> Duration {
        if now.duration(since: lastEnd) >= settings.maxTime { count = 0 }
        // 2^40 base times exceed every ceiling.
        let time = min(settings.maxTime, settings.baseTime * (1 << min(count, 40)))
        count += 1
        lastEnd = now.advanced(by: time)
        return time
    }
}
