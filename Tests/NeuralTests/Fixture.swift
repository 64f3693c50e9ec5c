import Foundation
import Neural
import Tensor
import Testing

/// A reference dump; Scripts/make-reference-dumps.py says how it was made.
struct Fixture {
    let tensors: StateDict

    init(_ name: String) throws {
        let path = try #require(Bundle.module.path(forResource: "Fixtures/\(name)", ofType: "safetensors"))
        tensors = try Safetensors(contentsOf: path).tensors
    }

    subscript(name: String) -> Tensor {
        get throws { try #require(tensors[name], "the dump has “\(name)”") }
    }

    /// The tensors whose names begin so, without that beginning.
    func group(_ prefix: String) -> StateDict {
        let chosen = tensors.filter { $0.key.hasPrefix(prefix) }
        return Dictionary(
            uniqueKeysWithValues: chosen.map { (String($0.key.dropFirst(prefix.count)), $0.value) })
    }
}

/// The largest difference, relative to the expected values' size where that is above 1.
func worst(_ found: [Float], _ expected: Tensor) -> Float {
    guard found.count == expected.count else { return .infinity }
    return zip(found, expected.values).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? 0
}
