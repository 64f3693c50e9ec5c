import Foundation

/// What tells sealed directories of one kind from any other.
package struct SealedKind: Hashable, Sendable {
    /// What a message calls one.
    package let noun: String
    /// The manifest's own file.
    package let manifestName: String
    /// What the manifest's `format` must be.
    package let formatName: String
}

extension SealedFolder {
    /// Refuses a place that a directory of the kind could not be written to without loss, so that work which would end there
    /// need not begin. Free are a place with nothing or an empty directory, and, where one may be replaced, a directory that
    /// its manifest says is of this kind, of whatever version, and that holds no file but those the manifest seals.
    package static func refuseOccupied(
        _ path: String, by kind: SealedKind, replacing: Bool
    ) throws(BundleError) {
        let target = trimmed(path)
        var status = stat()
        guard lstat(target, &status) == 0 else { return }
        guard let held = try? FileManager.default.contentsOfDirectory(atPath: target) else {
            throw .occupied(path: target, noun: kind.noun, holds: [])
        }
        guard !held.isEmpty else { return }
        guard let sealed = sealedNames(target, kind) else {
            throw .occupied(path: target, noun: kind.noun, holds: held.sorted())
        }
        guard replacing else { throw .finished(path: target, noun: kind.noun) }
        let strangers = held.filter { !sealed.contains($0) || isFolder(target + "/" + $0) }
        guard strangers.isEmpty else {
            throw .strangers(path: target, noun: kind.noun, holds: strangers.sorted())
        }
    }

    /// What a manifest of any version says of the directory it lies in.
    private struct Marker: Decodable {
        var format: String
        var files: [String: FileSeal]
    }

    /// The names of the manifest and of the files that it seals; nil where there is no manifest of the kind.
    private static func sealedNames(_ target: String, _ kind: SealedKind) -> Set<String>? {
        let file = target + "/" + kind.manifestName
        guard let bytes = try? FileBytes.read(file, bytesMax: manifestBytesMax),
            let marker = try? JSONDecoder().decode(Marker.self, from: Data(bytes)),
            marker.format == kind.formatName
        else { return nil }
        return Set(marker.files.keys).union([kind.manifestName])
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
