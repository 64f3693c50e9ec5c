import Tensor

/// Multi-head self-attention with fused query, key and value, as timm's `Attention`.
///
/// **Shapes**: x and y (B·T, C), qkv (B·T, 3·C) with query, key and value side by side, each of `heads` parts of
/// C / heads channels.
package final class Attention: Module {
    package let qkv: Linear
    package let projection: Linear
    private let channels: Int
    private let heads: Int

    package init(_ name: String, _ channels: Int, heads: Int) {
        precondition(channels.isMultiple(of: heads))
        self.channels = channels
        self.heads = heads
        qkv = Linear(name + ".qkv", channels, 3 * channels)
        projection = Linear(name + ".proj", channels, channels)
    }

    /// Every parameter, under its state-dict name.
    package var parameters: [Parameter] { qkv.parameters + projection.parameters }

    /// The layer's output for `x`, recorded on the pass for backward when it trains.
    package func forward(_ x: Activation, tokens: Int, _ pass: Pass) -> Activation {
        projection.forward(attend(qkv.forward(x, pass), tokens, pass), pass)
    }

    private var headChannels: Int { channels / heads }
    private var scale: Float { 1 / Float(headChannels).squareRoot() }

    /// The part of qkv (or of its gradient) for an image, a head, and 0 query, 1 key or 2 value.
    private func part(
        _ qkv: UnsafeMutablePointer<Float>, _ item: Int, _ tokens: Int, _ which: Int
    )
        -> (matrix: Matrix, room: UnsafeMutablePointer<Float>)
    {
        let (image, head) = item.quotientAndRemainder(dividingBy: heads)
        let room = qkv + image * tokens * 3 * channels + which * channels + head * headChannels
        return (Matrix(room, tokens, headChannels, rowStride: 3 * channels), room)
    }

    /// The place of an image's and head's result in (B·T, C).
    private func result(
        _ y: UnsafeMutablePointer<Float>, _ item: Int, _ tokens: Int
    )
        -> UnsafeMutablePointer<Float>
    {
        let (image, head) = item.quotientAndRemainder(dividingBy: heads)
        return y + image * tokens * channels + head * headChannels
    }

    private func attend(_ qkv: Activation, _ tokens: Int, _ pass: Pass) -> Activation {
        let y = pass.activation(qkv.rows, channels)
        let items = qkv.rows / tokens * heads
        let square = tokens * tokens
        let kept = pass.records ? pass.workspace.arena.allocate(items * square) : nil
        pass.workspace.forEach(items) { item, scratch in
            let (q, k, v) = (
                part(qkv.values, item, tokens, 0).matrix, part(qkv.values, item, tokens, 1).matrix,
                part(qkv.values, item, tokens, 2).matrix
            )
            let weights = kept.map { $0 + item * square } ?? scratch.allocate(square)
            Product(q, k.transposed, into: weights).run(scratch: scratch)
            Kernels.softmax(weights, into: weights, tokens, tokens, scale: scale)
            Product(
                Matrix(weights, tokens, tokens), v, into: result(y.values, item, tokens), rowStride: channels
            )
            .run(scratch: scratch)
        }
        if let kept { pass.record { self.backward(qkv, y, kept, tokens, pass) } }
        return y
    }

    private func backward(
        _ qkv: Activation, _ y: Activation, _ kept: UnsafeMutablePointer<Float>, _ tokens: Int, _ pass: Pass
    ) {
        let dy = pass.gradient(of: y)
        let (dqkv, accumulate) = pass.sink(for: qkv)
        pass.workspace.forEach(qkv.rows / tokens * heads) { item, scratch in
            let weights = kept + item * tokens * tokens
            let p = Matrix(weights, tokens, tokens)
            let gradient = Matrix(result(dy, item, tokens), tokens, headChannels, rowStride: channels)
            let slopes = scratch.allocate(tokens * tokens)
            let ds = Matrix(slopes, tokens, tokens)
            func add(_ a: Matrix, _ b: Matrix, _ which: Int) {
                let room = part(dqkv, item, tokens, which).room
                Product(a, b, into: room, rowStride: 3 * channels, accumulate: accumulate).run(
                    scratch: scratch)
            }
            Product(gradient, part(qkv.values, item, tokens, 2).matrix.transposed, into: slopes)
                .run(scratch: scratch)
            Kernels.softmaxBackward(weights, slopes, into: slopes, tokens, tokens, scale: scale)
            add(ds, part(qkv.values, item, tokens, 1).matrix, 0)
            add(ds.transposed, part(qkv.values, item, tokens, 0).matrix, 1)
            add(p.transposed, gradient, 2)
        }
    }
}
