import Neural
import Tensor

/// Why foreign weights become no network. Every case names its file.
package enum ImportError: Error, Equatable {
    case unreadable(path: String, SafetensorsError)
    /// Tensors of integers where numbers with fractions belong.
    case integers(path: String, names: [String])
    /// No network that is known here.
    case unknown(path: String, reason: String)
    /// A transformer's heads, which no shape tells.
    case headsUnknown(path: String)
    /// Other heads were asked for than the file says it has; a decoder's come after an encoder's.
    case otherHeads(path: String, stated: [Int], given: [Int])
    /// Heads were asked for of a network that has none.
    case headless(path: String)
    case otherImage(path: String, found: ImageShape, expected: ImageShape)
    case impossible(path: String, ArchitectureError)
    /// Every tensor that is missing, too many, of another shape or not finite.
    case mismatch(path: String, [StateDictError])
    /// The models and what they are to be calibrated on do not belong together.
    case classes(path: String, found: Int, expected: Int)
    /// The autoencoder has too few patches for a term that hides some.
    case maskedPass(reason: String)
}

extension ImportError: CustomStringConvertible {
    /// How many tensors a message lists.
    private static let listedMax = 20

    /// The file and what is wrong with it; a line for each tensor.
    package var description: String {
        switch self {
        case .unreadable(let path, let error): "\(path): \(error)"
        case .integers(let path, let names):
            "\(path) holds integers, not weights: \(names.prefix(Self.listedMax).joined(separator: ", "))"
        case .unknown(let path, let reason): "\(path) is no network known here: \(reason)"
        case .headsUnknown(let path):
            "\(path) does not tell its number of attention heads (the paper's has 3): give it"
        case .otherHeads(let path, let stated, let given):
            "\(path) says that its attention heads are \(Self.heads(stated)), not \(Self.heads(given))"
        case .headless(let path): "\(path) is no transformer: it has no attention heads"
        case .otherImage(let path, let found, let expected):
            "\(path) is for images of \(found), not \(expected)"
        case .impossible(let path, let error): "\(path) describes no network: \(error)"
        case .mismatch(let path, let defects): Self.list(path, defects)
        case .classes(let path, let found, let expected):
            "\(path) has \(found) classes, but the victim's answers have \(expected)"
        case .maskedPass(let reason): reason
        }
    }

    private static func heads(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ",") }

    private static func list(_ path: String, _ defects: [StateDictError]) -> String {
        let lines = defects.prefix(listedMax).map { "\n  \($0)" }.joined()
        let rest = defects.count - listedMax
        return "\(path) does not fit the architecture:" + lines + (rest > 0 ? "\n  and \(rest) more" : "")
    }
}
