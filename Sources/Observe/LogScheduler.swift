import Dispatch

/// Where and when a log's work is done; a seam, so that tests run it step by step.
package struct LogScheduler: Sendable {
    /// One strand of work; its pieces run one after the other.
    package enum Lane: Sendable {
        /// Opening, writing, rotating.
        case writing
        /// Gzipping and removing old files.
        case tidying
    }

    /// Runs a piece of work on a lane after a delay.
    package let run: @Sendable (Lane, Duration, @escaping @Sendable () -> Void) -> Void

    /// A scheduler that runs as `run` does.
    package init(run: @escaping @Sendable (Lane, Duration, @escaping @Sendable () -> Void) -> Void) {
        self.run = run
    }

    /// Two serial queues; tidying at background priority.
    package static func dispatch(label: String) -> LogScheduler {
        let writing = DispatchQueue(label: "samegate.log.\(label)", qos: .utility)
        let tidying = DispatchQueue(label: "samegate.log.\(label).tidy", qos: .background)
        return LogScheduler { lane, delay, work in
            let queue = lane == .writing ? writing : tidying
            if delay == .zero {
                queue.async(execute: work)
            } else {
                queue.asyncAfter(
                    deadline: .now() + .milliseconds(Int(delay.wholeMilliseconds)), execute: work)
            }
        }
    }
}
