import Synchronization

/// Whether someone asked training to stop: set from a signal, read between steps.
package final class StopFlag: Sendable {
    private let raised = Atomic(false)

    /// A flag that nobody has raised.
    package init() {}

    /// Asks to stop at the next step.
    package func raise() { raised.store(true, ordering: .relaxed) }

    /// True once ``raise()`` was called.
    package var isRaised: Bool { raised.load(ordering: .relaxed) }
}
