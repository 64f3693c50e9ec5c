import Foundation

/// Secret bytes that no printing shows.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// The bytes themselves.
    package let bytes: [UInt8]

    /// Secret bytes.
    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Asterisks, whatever the bytes are.
    package var description: String { "********" }
    /// Asterisks, whatever the bytes are.
    package var debugDescription: String { description }
    /// Asterisks, so that `dump` shows no bytes either.
    package var customMirror: Mirror { Mirror(self, children: ["bytes": description]) }
}

extension SecretsSettings {
    /// Why a key could not be had.
    package enum KeyError: Error, Equatable, CustomStringConvertible {
        /// The file cannot be read.
        case unreadable(path: String)
        /// The file has too few or too many bytes.
        case size(path: String, bytes: Int)

        /// What is wrong, for the user.
        package var description: String {
            switch self {
            case .unreadable(let path): "the key file \(path) cannot be read"
            case .size(let path, let bytes):
                "the key file \(path) has \(bytes) bytes; a key needs \(keyBytes.lowerBound) to \(keyBytes.upperBound)"
            }
        }
    }

    /// The key: that of the file, or 32 new random bytes where no file is named.
    package func key() throws(KeyError) -> Secret {
        guard let keyFile else {
            var generator = SystemRandomNumberGenerator()
            return Secret(bytes: (0..<SecretsSettings.keyBytes.lowerBound).map { _ in generator.next() })
        }
        guard let handle = FileHandle(forReadingAtPath: keyFile) else { throw .unreadable(path: keyFile) }
        defer { try? handle.close() }
        guard let data = try? handle.read(upToCount: SecretsSettings.keyBytes.upperBound + 1) else {
            throw .unreadable(path: keyFile)
        }
        guard SecretsSettings.keyBytes.contains(data.count) else {
            throw .size(path: keyFile, bytes: data.count)
        }
        return Secret(bytes: Array(data))
    }
}
