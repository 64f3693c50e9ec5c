import Digest
import Foundation

/// The size and digest of one file, as a manifest states them.
package struct FileSeal: Codable, Hashable, Sendable {
    /// The file's size.
    package var bytes: Int
    /// Lower-case hexadecimal.
    package var sha256: String

    /// The seal of a file with this content.
    package init(of content: [UInt8]) {
        bytes = content.count
        sha256 = content.withUnsafeBytes { SHA256.digest(of: $0) }.hex
    }
}

/// A directory of a JSON manifest and the files it vouches for, written and replaced as a whole.
package enum SealedFolder {
    /// A manifest is a page of text; anything larger is not one.
    package static let manifestBytesMax = 8 << 20
    /// The largest weights file that is read.
    package static let fileBytesMax = 2 << 30

    /// Writes the directory beside its place and then swaps it in. What was there stays until that moment,
    /// and is replaced only where ``refuseOccupied(_:by:replacing:)`` lets it.
    package static func write<Manifest: Encodable>(
        _ manifest: Manifest, of kind: SealedKind, files: [String: [UInt8]], to path: String, replacing: Bool
    ) throws(BundleError) {
        let (target, manifestName) = (trimmed(path), kind.manifestName)
        try refuseOccupied(target, by: kind, replacing: replacing)
        let fresh = "\(target).new-\(getpid())"
        try? FileManager.default.removeItem(atPath: fresh)
        do {
            try fill(fresh, files.merging([manifestName: try encoded(manifest, manifestName)]) { $1 })
            try swap(fresh, into: target)
        } catch {
            try? FileManager.default.removeItem(atPath: fresh)
            throw error
        }
        FileBytes.syncDirectory(holding: target)
    }

    /// The manifest of the directory, decoded strictly: a missing, unknown or ill-typed field is an error.
    package static func readManifest<Manifest: Codable>(
        _ type: Manifest.Type, named name: String, format: String, version: Int, in path: String
    ) throws(BundleError) -> Manifest {
        let file = trimmed(path) + "/" + name
        let bytes = try content(file, bytesMax: manifestBytesMax)
        let found = try header(bytes, file)
        guard found.format == format else {
            throw .wrongFormat(file: file, found: found.format, expected: format)
        }
        guard found.version == version else {
            throw .unknownVersion(file: file, found: found.version, supported: version)
        }
        let manifest: Manifest = try decoded(bytes, file)
        if let field = unknownField(bytes, manifest) { throw .unexpectedField(file: file, field: field) }
        return manifest
    }

    /// The bytes of a file of the directory, once they have the size and digest that the manifest states.
    package static func readFile(
        _ name: String, seal: FileSeal, in path: String
    ) throws(BundleError) -> [UInt8] {
        let file = trimmed(path) + "/" + name
        let bytes = try content(file, bytesMax: fileBytesMax)
        guard bytes.count == seal.bytes else {
            throw .sizeMismatch(file: file, bytes: bytes.count, expected: seal.bytes)
        }
        guard FileSeal(of: bytes).sha256 == seal.sha256 else { throw .digestMismatch(file: file) }
        return bytes
    }

    // MARK: Writing

    private static func encoded(
        _ manifest: some Encodable, _ name: String
    ) throws(BundleError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(manifest)) + [UInt8(ascii: "\n")]
        } catch {
            throw .malformed(file: name, reason: "\(error)")
        }
    }

    private static func fill(_ folder: String, _ files: [String: [UInt8]]) throws(BundleError) {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw .file(.unwritable(path: folder, reason: "\(error.localizedDescription)"))
        }
        do throws(FileError) {
            for (name, bytes) in files { try FileBytes.write(bytes, to: folder + "/" + name) }
        } catch {
            throw .file(error)
        }
    }

    /// Renames the fresh directory into place. An old one is first moved aside, moved back should that fail,
    /// and removed at the end: for an instant between two renames a reader finds nothing, never half a
    /// directory.
    private static func swap(_ fresh: String, into target: String) throws(BundleError) {
        let aside = "\(target).old-\(getpid())"
        let replaces = FileManager.default.fileExists(atPath: target)
        if replaces, rename(target, aside) != 0 {
            throw .file(.unwritable(path: target, reason: FileBytes.systemReason(errno)))
        }
        guard rename(fresh, target) == 0 else {
            let failure = errno
            if replaces { rename(aside, target) }
            throw .file(.unwritable(path: target, reason: FileBytes.systemReason(failure)))
        }
        if replaces { try? FileManager.default.removeItem(atPath: aside) }
    }

    static func trimmed(_ path: String) -> String {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }

    // MARK: Reading

    private struct Header: Decodable {
        var format: String
        var version: Int
    }

    private static func content(_ file: String, bytesMax: Int) throws(BundleError) -> [UInt8] {
        do throws(FileError) {
            return try FileBytes.read(file, bytesMax: bytesMax)
        } catch {
            throw .file(error)
        }
    }

    private static func header(_ bytes: [UInt8], _ file: String) throws(BundleError) -> Header {
        try decoded(bytes, file)
    }

    private static func decoded<Value: Decodable>(
        _ bytes: [UInt8], _ file: String
    ) throws(BundleError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch DecodingError.keyNotFound(let key, let context) {
            throw .missingField(file: file, field: Self.place(context.codingPath + [key]))
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            throw .malformed(
                file: file, reason: "“\(Self.place(context.codingPath))”: \(context.debugDescription)")
        } catch DecodingError.dataCorrupted(let context) {
            throw .malformed(file: file, reason: context.debugDescription)
        } catch {
            throw .malformed(file: file, reason: "\(error)")
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }

    /// The first field of the file that the decoded value does not write back: one nobody reads.
    private static func unknownField(_ bytes: [UInt8], _ manifest: some Encodable) -> String? {
        guard let found = try? JSONSerialization.jsonObject(with: Data(bytes)),
            let encoded = try? JSONEncoder().encode(manifest),
            let known = try? JSONSerialization.jsonObject(with: encoded)
        else { return "" }
        return extraKey(found, known, [])
    }

    private static func extraKey(_ found: Any, _ known: Any, _ path: [String]) -> String? {
        if let found = found as? [String: Any], let known = known as? [String: Any] {
            for key in found.keys.sorted() {
                guard let inside = known[key] else { return (path + [key]).joined(separator: ".") }
                if let extra = extraKey(found[key] as Any, inside, path + [key]) { return extra }
            }
        }
        if let found = found as? [Any], let known = known as? [Any] {
            for (index, pair) in zip(found, known).enumerated() {
                if let extra = extraKey(pair.0, pair.1, path + ["\(index)"]) { return extra }
            }
        }
        return nil
    }
}
