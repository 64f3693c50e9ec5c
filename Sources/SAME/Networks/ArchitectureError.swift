import Tensor

/// Why an architecture's sizes make no network.
package enum ArchitectureError: Error, Equatable {
    /// A size is outside what is supported.
    case outOfRange(field: String, value: Int, allowed: ClosedRange<Int>)
    /// A size does not divide another.
    case indivisible(field: String, value: Int, by: String, divisor: Int)
    /// The image is too small for the layers.
    case imageTooSmall(height: Int, width: Int, heightMin: Int, widthMin: Int)
}

extension ArchitectureError: CustomStringConvertible {
    /// A sentence for the log.
    package var description: String {
        switch self {
        case .outOfRange(let field, let value, let allowed):
            "\(field) is \(value); it must be from \(allowed.lowerBound) to \(allowed.upperBound)"
        case .indivisible(let field, let value, let by, let divisor):
            "\(field) is \(value), which is not a multiple of \(by) (\(divisor))"
        case .imageTooSmall(let height, let width, let heightMin, let widthMin):
            "an image of \(height)x\(width) is too small; \(heightMin)x\(widthMin) is the least"
        }
    }
}

/// Throws unless the value lies in the range.
func require(_ field: String, _ value: Int, in allowed: ClosedRange<Int>) throws(ArchitectureError) {
    guard allowed.contains(value) else { throw .outOfRange(field: field, value: value, allowed: allowed) }
}

/// Throws unless the value is a multiple of the divisor.
func require(_ field: String, _ value: Int, multipleOf by: String, _ divisor: Int) throws(ArchitectureError) {
    guard value.isMultiple(of: divisor) else {
        throw .indivisible(field: field, value: value, by: by, divisor: divisor)
    }
}

/// Throws unless the image has sizes that can be computed with.
func requireImage(_ image: ImageShape) throws(ArchitectureError) {
    try require("image channels", image.channels, in: 1...64)
    try require("image height", image.height, in: 1...1024)
    try require("image width", image.width, in: 1...1024)
}
