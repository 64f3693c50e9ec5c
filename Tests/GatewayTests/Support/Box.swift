import Foundation
import Synchronization
import Testing

/// A mutex that closures can share.
final class Box<Value: Sendable>: Sendable {
    let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }
}

/// Waits, within bounds, until another thread has brought something about.
func eventually(_ what: String, _ condition: () -> Bool) -> Bool {
    let end = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < end {
        if condition() { return true }
        sched_yield()
    }
    Issue.record("never happened: \(what)")
    return false
}
