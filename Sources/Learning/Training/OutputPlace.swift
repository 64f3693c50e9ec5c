import Foundation
import SAME

/// Whether a directory can be written where it is to go, judged before the hours of work that it is the result of.
package enum OutputPlace {
    /// Refuses a place that nothing can be written to or replaced at, and checkpoints inside what is replaced.
    package static func check(_ output: String, checkpoints: String) throws(TrainingError) {
        let target = trimmed(output)
        let name = target.split(separator: "/").last.map(String.init) ?? ""
        guard !name.isEmpty, name != ".", name != ".." else {
            throw .impossible(
                reason: "“\(output)” cannot be written as a whole: give a directory a name of its own")
        }
        let (real, inside) = (self.real(target), self.real(checkpoints))
        guard inside != real, !inside.hasPrefix(real + "/") else {
            throw .impossible(
                reason:
                    "the checkpoints' folder \(checkpoints) lies in \(target), which is written as a whole "
                    + "at the end: give checkpoints a folder elsewhere (--checkpoint)")
        }
        try refuseMount(target)
        try tryFolder(nearest(target), for: target)
    }

    /// What another file system is mounted at cannot be renamed.
    private static func refuseMount(_ target: String) throws(TrainingError) {
        var (own, parent) = (stat(), stat())
        let folder = URL(fileURLWithPath: target).deletingLastPathComponent().path
        guard lstat(target, &own) == 0, stat(folder, &parent) == 0, own.st_mode & S_IFMT == S_IFDIR else {
            return
        }
        guard own.st_dev == parent.st_dev else {
            throw .impossible(
                reason:
                    "\(target) is where another file system is mounted, and cannot be written as a whole: "
                    + "give a directory in it")
        }
    }

    /// Makes a folder in the one that the output, or the first folder on its way, will be made in, and removes it.
    private static func tryFolder(_ folder: String, for target: String) throws(TrainingError) {
        var template = Array((folder + "/.samegate-XXXXXX").utf8CString)
        let failure: Int32 = template.withUnsafeMutableBufferPointer { name in
            guard let made = mkdtemp(name.baseAddress!) else { return errno }
            rmdir(made)
            return 0
        }
        guard failure == 0 else {
            let reason = "\(FileBytes.systemReason(failure)) in \(folder)"
            throw .impossible(reason: FileError.unwritable(path: target, reason: reason).description)
        }
    }

    /// The nearest thing that exists on the way to a path, other than what is there itself.
    private static func nearest(_ path: String) -> String {
        var url = URL(fileURLWithPath: path).deletingLastPathComponent()
        var status = stat()
        while url.path != "/", lstat(url.path, &status) != 0 { url.deleteLastPathComponent() }
        return url.path
    }

    /// The absolute path without links, as far as it exists.
    private static func real(_ path: String) -> String {
        var url = URL(fileURLWithPath: path).standardizedFileURL
        var rest: [String] = []
        while url.path != "/" {
            if let found = realpath(url.path, nil) {
                defer { free(found) }
                return ([String(cString: found)] + rest.reversed()).joined(separator: "/")
            }
            rest.append(url.lastPathComponent)
            url.deleteLastPathComponent()
        }
        return "/" + rest.reversed().joined(separator: "/")
    }

    private static func trimmed(_ path: String) -> String {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }
}
