import Foundation
import Synchronization

/// How far a phase has come: what one line of progress says.
package struct TrainingProgress: Hashable, Sendable {
    /// What is being done.
    package var phase: String
    /// Counted from 1; nil where a phase has none.
    package var epoch: Int?
    /// How many epochs there will be.
    package var epochs: Int?
    /// How much of this epoch, or of the phase, is done.
    package var done: Int
    /// How much there is in all.
    package var total: Int
    /// The mean loss of the epoch so far.
    package var loss: Double?
    /// **Units** images a second, since the phase began or was resumed.
    package var rate: Double
    /// The time that the phase still needs at this rate.
    package var remaining: Duration?

    /// Every field as given.
    package init(
        phase: String, epoch: Int? = nil, epochs: Int? = nil, done: Int, total: Int, loss: Double? = nil,
        rate: Double, remaining: Duration? = nil
    ) {
        self.phase = phase
        self.epoch = epoch
        self.epochs = epochs
        self.done = done
        self.total = total
        self.loss = loss
        self.rate = rate
        self.remaining = remaining
    }

    /// `autoencoder  epoch 3/40  61 %  loss 0.01234  5210 images/s  ETA 4m12s`.
    package var line: String {
        var parts = [phase]
        if let epoch, let epochs { parts.append("epoch \(epoch)/\(epochs)") }
        parts.append("\(total > 0 ? done * 100 / total : 100) %")
        if let loss { parts.append("loss " + String(format: "%.5f", loss)) }
        parts.append(String(format: "%.0f images/s", rate))
        if let remaining { parts.append("ETA " + Self.clock(remaining)) }
        return parts.joined(separator: "  ")
    }

    private static func clock(_ duration: Duration) -> String {
        let seconds = Int(duration.components.seconds)
        let (minutes, rest) = seconds.quotientAndRemainder(dividingBy: 60)
        if minutes >= 60 { return "\(minutes / 60)h\(String(format: "%02d", minutes % 60))m" }
        return minutes > 0 ? "\(minutes)m\(String(format: "%02d", rest))s" : "\(rest)s"
    }
}

/// Shows progress on standard error: one line rewritten in place on a terminal, a plain line now and then
/// elsewhere.
package final class ProgressPrinter: Sendable {
    private struct Shown {
        var last: ContinuousClock.Instant?
        var key = ""
    }
    private let isTerminal: Bool
    private let shown = Mutex(Shown())

    /// A printer for a terminal, or for a log.
    package init(isTerminal: Bool = isatty(STDERR_FILENO) == 1) { self.isTerminal = isTerminal }

    /// Shows a step, unless the last one was shown a moment ago.
    package func show(_ progress: TrainingProgress) {
        let now = ContinuousClock.now
        let key = "\(progress.phase) \(progress.epoch ?? 0)"
        let isFinal = progress.done >= progress.total
        let pause: Duration = isTerminal ? .milliseconds(200) : .seconds(30)
        let isDue = shown.withLock { shown in
            if let last = shown.last, now - last < pause,
                !isFinal || shown.key == key && !isTerminal && !isFinal
            {
                return false
            }
            (shown.last, shown.key) = (now, key)
            return true
        }
        guard isDue else { return }
        write(isTerminal ? "\r\u{1B}[K" + progress.line + (isFinal ? "\n" : "") : progress.line + "\n")
    }

    /// Prints a line of its own. **Runs on** any thread.
    package func say(_ text: String) { write(isTerminal ? "\r\u{1B}[K" + text + "\n" : text + "\n") }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
