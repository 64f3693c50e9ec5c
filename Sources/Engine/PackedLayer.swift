import CKernels
import Tensor

extension Float {
    /// The number, or 0 for one that is nothing beside any other weight: with numbers below the normal ones, which filters that
    /// have died have, some processors take a hundred times as long.
    var flushed: Float { magnitude < 0x1p-100 ? 0 : self }
}

/// A layer's weights as the kernels read them.
struct PackedLayer {
    let packed: UnsafeMutablePointer<sg_packed>
    let kernels: OpaquePointer
    /// The rows of the packed matrix: what an input row holds, padding included.
    let depth: Int
    /// The padded number of outputs.
    let columns: Int

    /// Packs a matrix (depth, outputs) whose rows come by index; rows past `depth` and columns past `outputs` are 0.
    init(
        _ kernels: OpaquePointer, depth: Int, outputs: Int, bias: Tensor, in store: WeightStore,
        weight: (_ row: Int, _ column: Int) -> Float
    ) {
        precondition(bias.count == outputs)
        self.kernels = kernels
        self.depth = roundUp(depth, to: sg_infer_group(kernels))
        columns = roundUp(outputs)
        if sg_infer_kind(kernels) == Int32(SG_KIND_U8) { store.note(bytesDepth: self.depth) }
        var matrix = [Float](repeating: 0, count: self.depth * columns)
        for row in 0..<depth {
            for column in 0..<outputs { matrix[row * columns + column] = weight(row, column).flushed }
        }
        let panels = store.room(bytes: sg_infer_packed_bytes(kernels, self.depth, columns))
        let (scale, offset) = (store.floats(columns), store.floats(columns))
        sg_infer_pack(kernels, matrix, self.depth, columns, panels, scale, offset)
        packed = store.room(bytes: MemoryLayout<sg_packed>.size).bindMemory(to: sg_packed.self, capacity: 1)
        packed.initialize(
            to: sg_packed(
                panels: panels, bias: store.padded(bias.values), scale: scale, offset: offset,
                depth: self.depth,
                columns: columns))
    }

    /// Packs a linear layer's (outputs, inputs) for input rows padded as activations are.
    init(_ kernels: OpaquePointer, linear name: String, _ weights: Weights, in store: WeightStore) {
        let weight = weights[name + ".weight"]
        let (outputs, inputs) = (weight.rows, weight.rowCount)
        self.init(kernels, depth: roundUp(inputs), outputs: outputs, bias: weights[name + ".bias"], in: store)
        {
            $0 < inputs ? weight.values[$1 * inputs + $0] : 0
        }
    }

    /// The product with rows that follow each other, `rows` of them.
    func product(_ a: UnsafeRawPointer, rows: Int, into c: UnsafeMutableRawPointer, _ kind: Kind) -> sg_linear
    {
        sg_linear(
            w: packed, a: a, a_row: depth, a_line: 0, segments: 1, segment: depth, segment_stride: 0,
            lines: 1,
            rows: rows, a_scale: nil, a_zero: nil, scale_row: 1, addend: nil, addend_row: 0, c: c,
            c_row: columns,
            c_line: 0,
            c_kind: Int32(kind.rawValue), activation: Int32(SG_ACTIVATION_NONE))
    }

    /// Computes a product made by ``product(_:rows:into:_:)``, changed as the caller needs.
    func run(_ product: sg_linear) {
        withUnsafePointer(to: product) { sg_infer_linear(kernels, $0) }
    }
}

/// A model's tensors by name.
struct Weights {
    let tensors: [String: Tensor]

    /// The tensor, which a model that could be made has.
    subscript(name: String) -> Tensor {
        guard let tensor = tensors[name] else { preconditionFailure("the model has no \(name)") }
        return tensor
    }
}
