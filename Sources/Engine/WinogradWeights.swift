/// The weights of F(2×2, 3×3), Winograd's minimal filtering.
enum WinogradWeights {
    /// The places of a transformed window.
    static let places = 16

    /// G of F(2, 3). **Source** Lavin and Gray, arXiv:1509.09308, Eq. (8).
    private static let g: [[Double]] = [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]

    /// A place of G · window · Gᵀ, times `scale`. **Shapes** window (9), by rows.
    static func value(_ window: ArraySlice<Float>, _ place: Int, scale: Float) -> Float {
        let (row, column) = place.quotientAndRemainder(dividingBy: 4)
        var sum = 0.0
        for (index, weight) in window.enumerated() {
            sum += g[row][index / 3] * g[column][index % 3] * Double(weight)
        }
        return Float(sum * Double(scale))
    }
}
