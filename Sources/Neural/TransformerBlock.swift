import Tensor

/// A pre-norm transformer block, as timm's `Block`: x + attention(norm1(x)), then + mlp(norm2(·)).
package final class TransformerBlock: Module {
    package let norm1: LayerNorm
    package let attention: Attention
    package let norm2: LayerNorm
    package let mlp: FeedForward

    package init(_ name: String, _ channels: Int, heads: Int) {
        norm1 = LayerNorm(name + ".norm1", channels)
        attention = Attention(name + ".attn", channels, heads: heads)
        norm2 = LayerNorm(name + ".norm2", channels)
        mlp = FeedForward(name + ".mlp", channels, hidden: 4 * channels)
    }

    /// Every parameter, under its state-dict name.
    package var parameters: [Parameter] {
        norm1.parameters + attention.parameters + norm2.parameters + mlp.parameters
    }

    /// Draws the linear layers' weights as PyTorch does.
    package func initialize(_ generator: inout RandomGenerator) {
        for layer in [attention.qkv, attention.projection, mlp.fc1, mlp.fc2] { layer.initialize(&generator) }
    }

    /// **Shapes**: x (B·tokens, C), and so is what is returned.
    package func forward(_ x: Activation, tokens: Int, _ pass: Pass) -> Activation {
        let middle = pass.residual(x) { attention.forward(norm1.forward($0, pass), tokens: tokens, pass) }
        return pass.residual(middle) { mlp.forward(norm2.forward($0, pass), pass) }
    }
}
