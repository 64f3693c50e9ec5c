import Tensor

/// A named array of a model: a weight that training changes, or a buffer (running statistics) that it does not.
///
/// `@unchecked Sendable` because: values are written only while one owner trains or loads the model; the
/// gateway's workers share a model only after that, and then only read.
package final class Parameter: @unchecked Sendable {
    /// What the values are, which decides how they are stored and whether they decay.
    package enum Kind: Sendable {
        /// Stored as in the state dict.
        case plain
        /// A convolution's weight: (out, in, height, width) in the state dict, stored (height, width, in, out),
        /// which is the matrix the kernels multiply by.
        case convolution
        /// Not trained: a running mean.
        case buffer
        /// Not trained, and never negative: a running variance.
        case variance
    }

    /// The PyTorch state-dict name.
    package let name: String
    /// The shape in the state dict.
    package let shape: [Int]
    /// How it is stored and treated.
    package let kind: Kind
    /// The number of values.
    package let count: Int
    /// The values, in storage order.
    package let values: UnsafeMutablePointer<Float>
    /// The sum of gradients since ``zeroGradient()``, in storage order; allocated when training first asks.
    package var gradient: UnsafeMutablePointer<Float> {
        if let room = gradientRoom { return room }
        let room = Parameter.zeros(count)
        gradientRoom = room
        return room
    }
    private var gradientRoom: UnsafeMutablePointer<Float>?

    /// A parameter of zeros.
    package init(_ name: String, shape: [Int], kind: Kind = .plain) {
        self.name = name
        self.shape = shape
        self.kind = kind
        count = shape.reduce(1, *)
        values = Parameter.zeros(count)
    }

    deinit {
        values.deallocate()
        gradientRoom?.deallocate()
    }

    /// Whether optimisers change it.
    package var isTrainable: Bool { kind != .buffer && kind != .variance }

    /// Sets the gradient to zero, and allocates it where there is none yet.
    package func zeroGradient() { gradient.update(repeating: 0, count: count) }

    /// Gives every value.
    package func fill(with value: () -> Float) {
        for index in 0..<count { values[index] = value() }
    }

    /// The values in state-dict order.
    package var tensor: Tensor { Tensor(shape: shape, values: exported(values)) }

    /// The gradient in state-dict order.
    package var gradientTensor: Tensor { Tensor(shape: shape, values: exported(gradient)) }

    /// Takes values in state-dict order. Traps when the shape differs; ``Module/load(_:)`` checks before.
    package func assign(_ tensor: Tensor) {
        precondition(tensor.shape == shape, "\(name) has shape \(shape), not \(tensor.shape)")
        for index in 0..<count { values[stored(index)] = tensor.values[index] }
    }

    private func exported(_ storage: UnsafeMutablePointer<Float>) -> [Float] {
        (0..<count).map { storage[stored($0)] }
    }

    /// The storage index of a state-dict index.
    private func stored(_ index: Int) -> Int {
        guard kind == .convolution else { return index }
        let window = shape[2] * shape[3]
        let inputs = shape[1]
        let (output, rest) = index.quotientAndRemainder(dividingBy: inputs * window)
        let (input, place) = rest.quotientAndRemainder(dividingBy: window)
        return (place * inputs + input) * shape[0] + output
    }

    private static func zeros(_ count: Int) -> UnsafeMutablePointer<Float> {
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: max(count, 1) * MemoryLayout<Float>.stride, alignment: 64)
        let values = raw.bindMemory(to: Float.self, capacity: max(count, 1))
        values.initialize(repeating: 0, count: max(count, 1))
        return values
    }
}
