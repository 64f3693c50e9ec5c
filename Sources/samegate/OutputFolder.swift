import ArgumentParser
import Foundation

/// A folder that a command fills.
enum OutputFolder {
    /// Refuses one that holds a file already, which may be somebody's work. `advice` is what to do instead.
    static func refuseOccupied(_ path: String, _ advice: String) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        // What was given up before it began leaves empty folders.
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
        guard TrainData.isFolder(path), names.allSatisfy({ TrainData.isFolder(path + "/" + $0) }) else {
            throw ValidationError("\(path) is not an empty directory: \(advice)")
        }
    }
}
