/// Why a file is not a safetensors file this program accepts, or could not be written.
package enum SafetensorsError: Error, Equatable {
    case unreadable(path: String, reason: String)
    case unwritable(path: String, reason: String)
    /// Shorter than its header says.
    case truncated(expectedBytes: Int, foundBytes: Int)
    /// The header's length is absurd, or larger than the bound.
    case headerTooLong(bytes: UInt64, bytesMax: Int)
    /// The header is not the JSON object that the format asks for.
    case malformedHeader(String)
    case duplicateName(String)
    /// A tensor's range leaves the data, is reversed, or is not what its shape needs.
    case badRange(name: String, reason: String)
    /// Two tensors share bytes, or there are bytes that belong to none.
    case overlapOrGap(name: String)
    case unsupportedType(name: String, type: String)
}

extension SafetensorsError: CustomStringConvertible {
    /// A sentence for the log.
    package var description: String {
        switch self {
        case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
        case .unwritable(let path, let reason): "cannot write \(path): \(reason)"
        case .truncated(let expected, let found):
            "the file is truncated: \(found) bytes where \(expected) are announced"
        case .headerTooLong(let bytes, let bytesMax):
            "the header claims \(bytes) bytes; at most \(bytesMax) are read"
        case .malformedHeader(let reason): "the header is malformed: \(reason)"
        case .duplicateName(let name): "“\(name)” occurs twice"
        case .badRange(let name, let reason): "“\(name)” \(reason)"
        case .overlapOrGap(let name): "the bytes of “\(name)” do not follow those of the tensor before it"
        case .unsupportedType(let name, let type): "“\(name)” has type \(type); F32, F16 and BF16 can be read"
        }
    }
}
