import Digest
import Foundation
import SAME

/// The finished parts of an evaluation, a file each under `cells`, named by the digest of everything that determines it.
///
/// A number written as JSON reads back as the same bits, so what a cell holds is what was computed.
package struct CellStore: Sendable {
    /// The folder of the evaluation.
    package let folder: String
    /// Whether cells that are there are used.
    package let resumes: Bool

    /// What must change whenever the same key comes to mean another value, or the same options another bundle.
    static let version = "2"
    private static let bytesMax = 1 << 30

    private struct File<Value: Codable>: Codable {
        var key: [String: String]
        var value: Value
    }

    /// A store in a folder, which is made where there is none.
    package init(folder: String, resumes: Bool) throws(AttackError) {
        self.folder = folder
        self.resumes = resumes
        for name in ["cells", "traces", "models"] {
            do {
                try FileManager.default.createDirectory(
                    atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
            } catch {
                throw .unwritable(path: folder, reason: error.localizedDescription)
            }
        }
    }

    /// The value under a key: that of its cell, or what `make` returns, which is then kept.
    package func value<Value: Codable>(
        _ kind: String, _ parts: [String: String], make: () throws -> Value
    ) throws -> Value {
        let key = parts.merging(["kind": kind, "version": Self.version]) { $1 }
        let path = "\(folder)/cells/\(kind)-\(Self.digest(key)).json"
        if resumes, let bytes = try? FileBytes.read(path, bytesMax: Self.bytesMax),
            let file = try? JSONDecoder().decode(File<Value>.self, from: Data(bytes)), file.key == key
        {
            return file.value
        }
        let value = try make()
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        do {
            try FileBytes.replace(path, with: Array(try encoder.encode(File(key: key, value: value))))
        } catch FileError.unwritable(let path, let reason) {
            throw AttackError.unwritable(path: path, reason: reason)
        } catch {
            throw AttackError.trace(path: path, reason: "\(error)")
        }
        return value
    }

    /// A short name for the values of a key, the same wherever it is computed.
    package static func digest(_ parts: [String: String]) -> String {
        let text = parts.sorted { $0.key < $1.key }.map {
            "\($0.key.utf8.count):\($0.key)\($0.value.utf8.count):\($0.value)"
        }
        return String(SHA256.digest(of: text.joined()).hex.prefix(24))
    }
}
