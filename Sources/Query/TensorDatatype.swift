/// The types of numbers that the Open Inference Protocol names; the raw value is the name on the wire.
package enum TensorDatatype: String, CaseIterable, Sendable {
    case uint8 = "UINT8"
    case uint16 = "UINT16"
    case uint32 = "UINT32"
    case uint64 = "UINT64"
    case int8 = "INT8"
    case int16 = "INT16"
    case int32 = "INT32"
    case int64 = "INT64"
    case float16 = "FP16"
    case float32 = "FP32"
    case float64 = "FP64"

    /// How many bytes a number takes in a raw tensor, which is little-endian.
    package var byteCount: Int {
        switch self {
        case .uint8, .int8: 1
        case .uint16, .int16, .float16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64: 8
        }
    }

    /// Whether it holds whole numbers alone.
    package var isInteger: Bool {
        switch self {
        case .float16, .float32, .float64: false
        default: true
        }
    }

    /// The least and the greatest number it holds, as Floats, to within their rounding. Only for integers.
    package var bounds: ClosedRange<Float> {
        switch self {
        case .uint8: 0...255
        case .uint16: 0...65_535
        case .uint32: 0...Float(UInt32.max)
        case .uint64: 0...Float(UInt64.max)
        case .int8: -128...127
        case .int16: -32_768...32_767
        case .int32: Float(Int32.min)...Float(Int32.max)
        case .int64: Float(Int64.min)...Float(Int64.max)
        case .float16, .float32, .float64: -Float.greatestFiniteMagnitude...Float.greatestFiniteMagnitude
        }
    }
}
