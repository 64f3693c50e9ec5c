/// The whole numbers that a datatype holds, as magnitudes.
struct IntegerBounds {
    private let positiveMax: UInt64
    private let negativeMax: UInt64

    /// Those of `datatype`, which is one of integers.
    init(_ datatype: TensorDatatype) {
        let bits = UInt64(datatype.byteCount * 8)
        switch datatype {
        case .int8, .int16, .int32, .int64:
            negativeMax = 1 << (bits - 1)
            positiveMax = negativeMax - 1
        default:
            negativeMax = 0
            positiveMax = .max >> (64 - bits)
        }
    }

    /// The Float nearest to `number`; nil where it is none of them.
    @inline(__always)
    func value(_ number: WholeNumber) -> Float? {
        guard case .of(let magnitude, let isNegative) = number else { return nil }
        guard magnitude <= (isNegative ? negativeMax : positiveMax) else { return nil }
        return isNegative ? -Float(magnitude) : Float(magnitude)
    }
}
