import Foundation
import Synchronization
import Testing

/// A mutex that closures can share.
final class Box<Value: Sendable>: Sendable {
    let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }
}
