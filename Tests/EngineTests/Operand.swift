import CKernels
import Tensor

@testable import Engine

/// Rounding to bfloat16 by definition: the upper half of a Float32, to nearest even.
enum Bfloat16 {
    static func bits(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        return UInt16((bits + 0x7fff + (bits >> 16 & 1)) >> 16)
    }
    static func value(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }
    static func rounded(_ value: Float) -> Float { Self.value(bits(value)) }
}

/// Values as a kernel takes or leaves them: in one of the kinds, with scales where they are bytes.
struct Operand {
    let kind: Kind
    let columns: Int
    var bytes: [UInt8]
    var scale: [Float]
    var zero: [Float]

    init(_ kind: Kind, rows: Int, columns: Int) {
        self.kind = kind
        self.columns = columns
        bytes = Array(repeating: 0, count: rows * columns * kind.size)
        scale = Array(repeating: 0, count: rows)
        zero = scale
    }

    /// Values rounded to the kind; bytes by row from the least value to the largest.
    init(_ kind: Kind, rows: Int, columns: Int, values: [Float]) {
        self.init(kind, rows: rows, columns: columns)
        switch kind {
        case .f32: bytes = values.withUnsafeBytes { Array($0) }
        case .bf16: bytes = values.map(Bfloat16.bits).withUnsafeBytes { Array($0) }
        case .u8:
            for row in 0..<rows {
                let part = values[row * columns..<(row + 1) * columns]
                zero[row] = part.min() ?? 0
                scale[row] = ((part.max() ?? 0) - zero[row]) / 255
                for index in part.indices {
                    bytes[index] = UInt8(
                        max(0, min(255, ((values[index] - zero[row]) / scale[row]).rounded())))
                }
            }
        }
    }

    var count: Int { bytes.count / kind.size }

    /// The value that the bytes stand for.
    func value(_ index: Int) -> Float {
        switch kind {
        case .f32: bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 4 * index, as: Float.self) }
        case .bf16:
            Bfloat16.value(
                bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self) })
        case .u8: scale[index / columns] * Float(bytes[index]) + zero[index / columns]
        }
    }

    /// Half the distance of two bytes' values, and a little for rounding; 0 for the other kinds.
    func step(_ row: Int) -> Float { kind == .u8 ? 0.505 * scale[row] : 0 }

    mutating func fill(
        _ body: (UnsafeMutableRawPointer?, UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>?) -> Void
    ) {
        bytes.withUnsafeMutableBytes { bytes in
            scale.withUnsafeMutableBufferPointer { scale in
                zero.withUnsafeMutableBufferPointer {
                    body(bytes.baseAddress, scale.baseAddress, $0.baseAddress)
                }
            }
        }
    }
}

/// How large the weights of each column are where columns have scales of their own: of neighbours, and of columns a vector apart,
/// one's scale is never the other's. One column is all zeros, one is of numbers below the normal ones.
enum ColumnSizes {
    static let (zero, denormal) = (5, 6)

    static func size(_ column: Int, _ kind: Kind) -> Float {
        guard kind == .u8 else { return 1 }
        switch column {
        case zero: return 0
        case denormal: return .leastNormalMagnitude / 128
        default: return Float(1 << (column % 5))
        }
    }

    /// What an error that is 1 of weights up to 1 is of a column's; biases and addends count as they are.
    static func tolerance(_ column: Int, _ kind: Kind) -> Float { max(1, size(column, kind)) }
}

/// A random left side and layer, whose product is known in double precision.
struct Sample {
    var generator = RandomGenerator(seed: 2)
    let left: Operand
    let layer: PackedLayer
    let store = WeightStore()
    private let weight: [Float]
    private let bias: [Float]
    private let outputs: Int
    private let rows: Int

    /// Of the layer's columns `spoilt` has a bias that is no number, where it is given.
    init(
        _ table: InferenceKernelTests.Table, rows: Int, depth: Int, outputs: Int, size: Float = 1,
        spoilt: Int? = nil
    ) {
        self.outputs = outputs
        self.rows = rows
        let padded = roundUp(depth, to: sg_infer_group(table.kernels))
        left = Operand(
            table.kind, rows: rows, columns: padded, values: generator.values(rows * padded).map { size * $0 }
        )
        // Rounded to what the kind holds exactly: bfloat16, or multiples of 1/127 of the column's size with that in every column.
        weight = generator.values(padded * outputs).enumerated().map { index, value in
            switch table.kind {
            case .f32: value
            case .bf16: Bfloat16.rounded(value)
            case .u8:
                ColumnSizes.size(index % outputs, .u8) * (index < outputs ? 1 : (value * 127).rounded() / 127)
            }
        }
        var bias = generator.values(outputs)
        if let spoilt { bias[spoilt] = .nan }
        self.bias = bias
        layer = PackedLayer(
            table.kernels, depth: padded, outputs: outputs, bias: Tensor(shape: [outputs], values: bias),
            in: store
        ) { [weight] in weight[$0 * outputs + $1] }
    }

    /// A sum with its bias, by definition; 0 in padding.
    func exact(_ row: Int, _ column: Int) -> Double {
        guard column < outputs else { return 0 }
        return (0..<layer.depth).reduce(Double(bias[column])) {
            $0 + Double(left.value(row * left.columns + $1)) * Double(weight[$1 * outputs + column])
        }
    }

    func run<Value>(
        into c: inout [Value], _ kind: Kind, activation: Int, addend: UnsafePointer<Float>? = nil
    ) {
        left.bytes.withUnsafeBytes { a in
            c.withUnsafeMutableBytes { c in
                var product = layer.product(a.baseAddress!, rows: rows, into: c.baseAddress!, kind)
                left.scale.withUnsafeBufferPointer { scale in
                    left.zero.withUnsafeBufferPointer { zero in
                        product.a_scale = scale.baseAddress
                        product.a_zero = zero.baseAddress
                        product.addend = addend
                        product.addend_row = layer.columns
                        product.activation = Int32(activation)
                        layer.run(product)
                    }
                }
            }
        }
    }
}

extension RandomGenerator {
    /// Uniform values in [−1, 1).
    mutating func values(_ count: Int) -> [Float] { (0..<count).map { _ in uniform(-1..<1) } }
}
