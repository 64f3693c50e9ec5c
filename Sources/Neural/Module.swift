import Tensor

/// Named tensors, as a safetensors file or a PyTorch state dict holds them.
package typealias StateDict = [String: Tensor]

/// A part of a network that owns parameters: a layer, or a whole model.
package protocol Module: AnyObject, Sendable {
    /// Every parameter and buffer, always in the same order.
    var parameters: [Parameter] { get }
}

extension Module {
    /// The number of trained values.
    package var parameterCount: Int { parameters.filter(\.isTrainable).reduce(0) { $0 + $1.count } }

    /// Sets every gradient to zero: before each step's backward pass.
    package func zeroGradients() {
        for parameter in parameters where parameter.isTrainable { parameter.zeroGradient() }
    }

    /// Copies of all parameters and buffers under their state-dict names.
    package var stateDict: StateDict {
        Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.tensor) })
    }

    /// Takes every parameter and buffer from a state dict; nothing changes when it throws.
    ///
    /// Names this module does not have are errors too, except those for which `ignoring` is true.
    package func load(_ state: StateDict, ignoring: (String) -> Bool = { _ in false }) throws(StateDictError)
    {
        var unknown = Set(state.keys)
        for parameter in parameters {
            try parameter.check(state[parameter.name])
            unknown.remove(parameter.name)
        }
        if let name = unknown.filter({ !ignoring($0) }).min() { throw .unexpected(name) }
        for parameter in parameters { state[parameter.name].map(parameter.assign) }
    }
}

extension Module {
    /// Everything that keeps a state dict from being loaded, in the order of the parameters, then the names too many.
    package func defects(of state: StateDict, ignoring: (String) -> Bool = { _ in false }) -> [StateDictError]
    {
        var defects: [StateDictError] = []
        var unknown = Set(state.keys)
        for parameter in parameters {
            unknown.remove(parameter.name)
            do throws(StateDictError) {
                try parameter.check(state[parameter.name])
            } catch {
                defects.append(error)
            }
        }
        return defects + unknown.filter { !ignoring($0) }.sorted().map { .unexpected($0) }
    }
}

extension Parameter {
    /// Throws unless the tensor is there, of this shape, and of finite values, a variance's none below 0.
    func check(_ tensor: Tensor?) throws(StateDictError) {
        guard let tensor else { throw .missing(name) }
        guard tensor.shape == shape else { throw .shapeMismatch(name, found: tensor.shape, expected: shape) }
        guard tensor.values.allSatisfy(\.isFinite) else { throw .notFinite(name) }
        guard kind != .variance || tensor.values.allSatisfy({ $0 >= 0 }) else {
            throw .negativeVariance(name)
        }
    }
}

/// Why a state dict does not fit a module.
package enum StateDictError: Error, Equatable {
    case missing(String)
    case unexpected(String)
    case shapeMismatch(String, found: [Int], expected: [Int])
    case notFinite(String)
    /// A root of it would be no number, and so every score.
    case negativeVariance(String)
    /// Far fewer values than an architecture has parameters.
    case tooFew(values: Int, parameters: Int)
}

extension [String: Tensor] {
    /// Throws where an architecture of so many parameters cannot be what these values are of: before memory is taken for it,
    /// which a file of a few hundred bytes could else ask for without end. Where it is but somewhat larger, what does not
    /// fit is better told tensor by tensor.
    package func requireRoom(parameters: Int) throws(StateDictError) {
        let count = values.reduce(0) { $0 + $1.count }
        guard parameters / 2 > count + 1 << 22 else { return }
        throw .tooFew(values: count, parameters: parameters)
    }
}

extension StateDictError: CustomStringConvertible {
    /// A sentence for the log.
    package var description: String {
        switch self {
        case .missing(let name): "the weights lack “\(name)”"
        case .unexpected(let name): "the weights hold “\(name)”, which this architecture does not have"
        case .shapeMismatch(let name, let found, let expected):
            "“\(name)” has shape \(found), but this architecture needs \(expected)"
        case .notFinite(let name): "“\(name)” holds a value that is not a finite number"
        case .negativeVariance(let name): "“\(name)” holds a variance below 0"
        case .tooFew(let values, let parameters):
            "the weights are \(values) numbers, and this architecture has \(parameters) parameters"
        }
    }
}
