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
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
        if condition() { return true }
        usleep(100)
    }
    Issue.record("never happened: \(what)")
    return false
}
