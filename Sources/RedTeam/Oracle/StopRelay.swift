import Client
import Dispatch
import Foundation
import Learning

/// Ends what a client waits for once someone asks to stop: a flag wakes nobody.
final class StopRelay {
    private let timer: any DispatchSourceTimer

    /// How soon a stop is seen.
    static let interval = DispatchTimeInterval.milliseconds(intervalMilliseconds)
    static let intervalMilliseconds = 100

    /// Looks at the flag for as long as it is kept.
    init(_ stop: StopFlag, _ interruption: Interruption) {
        timer = DispatchSource.makeTimerSource(queue: .global())
        timer.schedule(deadline: .now() + Self.interval, repeating: Self.interval)
        timer.setEventHandler { @Sendable in
            if stop.isRaised { interruption.raise() }
        }
        timer.resume()
    }

    deinit { timer.cancel() }
}

extension StopFlag {
    /// Waits on the caller's thread, but hardly past a stop.
    func wait(_ duration: Duration) {
        let end = ContinuousClock.now + duration
        while !isRaised {
            let left = end - ContinuousClock.now
            guard left > .zero else { return }
            Thread.sleep(
                forTimeInterval: min(left, .milliseconds(StopRelay.intervalMilliseconds)) / .seconds(1))
        }
    }
}
