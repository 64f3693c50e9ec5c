import Foundation
import Testing

/// Waits, within a minute, until another thread has brought something about; an issue is recorded where it never does.
package func eventually(
    _ what: String = "what was waited for", sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () -> Bool
) -> Bool {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
        if condition() { return true }
        usleep(100)
    }
    Issue.record("never happened: \(what)", sourceLocation: sourceLocation)
    return false
}
