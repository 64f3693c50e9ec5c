import Tensor

/// The greedy choice of points that lie farthest from everything chosen before.
package enum KCentre {
    /// At most `count` places among `points`, each the farthest from the centres and those chosen before it;
    /// the first of equals. Without centres the first point begins.
    ///
    /// **Shapes** points (N, K), centres (M, K).
    package static func choose(_ count: Int, from points: Tensor, centres: Tensor) -> [Int] {
        guard points.rows > 0, count > 0 else { return [] }
        var distances = [Float](repeating: .infinity, count: points.rows)
        for row in 0..<centres.rows { shorten(&distances, points, to: centres.row(row)) }
        var chosen: [Int] = []
        while chosen.count < min(count, points.rows) {
            var best = -1
            for index in distances.indices where distances[index] >= 0 {
                if best < 0 || distances[index] > distances[best] { best = index }
            }
            guard best >= 0 else { break }
            chosen.append(best)
            shorten(&distances, points, to: points.row(best))
            distances[best] = -1
        }
        return chosen
    }

    private static func shorten(_ distances: inout [Float], _ points: Tensor, to centre: ArraySlice<Float>) {
        let size = points.rowCount
        points.values.withUnsafeBufferPointer { values in
            centre.withUnsafeBufferPointer { centre in
                for index in distances.indices where distances[index] >= 0 {
                    var sum: Float = 0
                    for k in 0..<size {
                        let difference = values[index * size + k] - centre[k]
                        sum += difference * difference
                    }
                    distances[index] = min(distances[index], sum)
                }
            }
        }
    }
}
