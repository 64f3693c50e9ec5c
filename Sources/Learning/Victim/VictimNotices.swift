import Synchronization

/// What is said of waits: of an endpoint's once where several requests wait until about the same moment.
final class VictimNotices: Sendable {
    private let line: @Sendable (String) -> Void
    private let saidUntil = Mutex<ContinuousClock.Instant?>(nil)

    /// `line` prints one.
    init(_ line: @escaping @Sendable (String) -> Void) { self.line = line }

    /// Says a line.
    func say(_ text: String) { line(text) }

    /// Says what holds from now for so long, unless the same was said of a wait that ends no earlier, or within a second.
    func say(_ text: String, holding wait: Duration) {
        let end = ContinuousClock.now + wait
        let isNew = saidUntil.withLock { said in
            if let said, end <= said + .seconds(1) { return false }
            said = end
            return true
        }
        if isNew { line(text) }
    }
}
