import Tensor

/// The way of a picture between the wire's order and the canonical one.
struct WireOrder: Sendable {
    /// The sizes of the nested lists, outermost first, in the fully nested form.
    let dimensions: [Int]
    /// For each value in wire order, its index in canonical (C, H, W) order.
    let canonicalIndices: [Int]
    /// For each index in canonical (C, H, W) order, that of the value in wire order.
    let wireIndices: [Int]
    /// True when both orders are the same.
    let isCanonical: Bool

    /// The order of `format`'s layout.
    init(format: QueryFormat) {
        let shape = format.shape
        switch format.layout {
        case .hw: dimensions = [shape.height, shape.width]
        case .chw: dimensions = [shape.channels, shape.height, shape.width]
        case .hwc: dimensions = [shape.height, shape.width, shape.channels]
        }
        isCanonical = format.layout != .hwc || shape.channels == 1
        guard !isCanonical else {
            canonicalIndices = Array(0..<shape.count)
            wireIndices = canonicalIndices
            return
        }
        let plane = shape.height * shape.width
        canonicalIndices = (0..<shape.count).map { wire in
            wire % shape.channels * plane + wire / shape.channels
        }
        wireIndices = (0..<shape.count).map { index in index % plane * shape.channels + index / plane }
    }

    /// The forms a picture may come in: fully nested, without the dimension of a single channel, or flat.
    ///
    /// They differ in depth, so that the depth alone tells which one it is.
    func forms(layout: PixelLayout, shape: ImageShape) -> [[Int]] {
        var forms = [dimensions]
        if shape.channels == 1, layout != .hw { forms.append([shape.height, shape.width]) }
        return forms + [[shape.count]]
    }
}
