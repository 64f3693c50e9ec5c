/// Eigenvalues of small symmetric matrices.
enum SymmetricEigen {
    /// Eigenvalues, unordered, and eigenvectors as columns, by cyclic Jacobi rotations.
    ///
    /// **Shapes** matrix (n, n), symmetric; vectors (n, n).
    static func solve(_ matrix: [[Double]]) -> (values: [Double], vectors: [[Double]]) {
        let count = matrix.count
        var a = matrix
        var vectors = (0..<count).map { row in (0..<count).map { $0 == row ? 1.0 : 0.0 } }
        for _ in 0..<sweepsMax {
            let outside = (0..<count).reduce(0) { sum, p in
                sum + (0..<count).reduce(0) { $1 == p ? $0 : $0 + a[p][$1] * a[p][$1] }
            }
            let scale = (0..<count).reduce(0) { $0 + a[$1][$1] * a[$1][$1] }
            if outside <= 1e-28 * scale { break }
            for p in 0..<count {
                for q in p + 1..<max(count, p + 1) where a[p][q] != 0 { rotate(&a, &vectors, p, q) }
            }
        }
        return ((0..<count).map { a[$0][$0] }, vectors)
    }

    private static let sweepsMax = 60

    /// The rotation in the plane of p and q that makes their common entry zero.
    private static func rotate(_ a: inout [[Double]], _ vectors: inout [[Double]], _ p: Int, _ q: Int) {
        let theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
        let t = (theta < 0 ? -1.0 : 1.0) / (abs(theta) + (theta * theta + 1).squareRoot())
        let c = 1 / (t * t + 1).squareRoot()
        let s = t * c
        for k in a.indices { (a[k][p], a[k][q]) = (c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]) }
        for k in a.indices { (a[p][k], a[q][k]) = (c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]) }
        for k in a.indices {
            let (left, right) = (vectors[k][p], vectors[k][q])
            (vectors[k][p], vectors[k][q]) = (c * left - s * right, s * left + c * right)
        }
    }
}
