import Foundation
import Synchronization

/// A folder for a test's files, gone when the process ends.
///
/// Not when its last user lets go of it: what a test has started may write into it after the test's own last mention of it.
package struct ScratchFolder: Sendable {
    /// Where it is.
    package let path: String

    package init() throws {
        path = NSTemporaryDirectory() + "samegate-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        Self.made.withLock { $0.append(path) }
        Self.removedAtExit
    }

    private static let made = Mutex<[String]>([])
    private static let removedAtExit: Void = {
        atexit {
            for path in ScratchFolder.made.withLock({ $0 }) {
                try? FileManager.default.removeItem(atPath: path)
            }
        }
    }()

    /// The path of a file in it.
    package func file(_ name: String) -> String { path + "/" + name }

    /// What is in it, sorted.
    package var names: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: path))?.sorted() ?? []
    }

    /// What a file of it holds.
    package func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: file(name))))
    }

    /// Writes a file into it; its path.
    @discardableResult
    package func write(_ bytes: [UInt8], to name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }
}
