import Tensor

/// How unusual a picture's plainest numbers are: a score so simple that whatever it wins on proves nothing about others.
///
/// Mean, deviation, roughness (mean absolute step to the right and down), the shares of dark greys, of near black and of near
/// white, each against benign pictures; the score is the sum of squared deviations from their means in units of their
/// standard deviations.
package struct PixelStatistics: Sendable {
    private let image: ImageShape
    private let means: [Double]
    private let deviations: [Double]

    /// The statistics of benign pictures. **Shapes** benign (N, C·H·W), canonical values; N at least 2.
    package init(benign: Tensor, image: ImageShape) {
        precondition(benign.rows >= 2 && benign.rowCount == image.count)
        let features = (0..<benign.rows).map { Self.features(benign.row($0), image) }
        let count = Double(features.count)
        let means = (0..<Self.featureCount).map { k in features.reduce(0) { $0 + $1[k] } / count }
        deviations = (0..<Self.featureCount).map { k in
            let square = features.reduce(0) { $0 + ($1[k] - means[k]) * ($1[k] - means[k]) } / (count - 1)
            return max(square.squareRoot(), 1e-6)
        }
        self.means = means
        self.image = image
    }

    /// The score of one picture: larger is stranger.
    package func score(_ picture: ArraySlice<Float>) -> Double {
        zip(Self.features(picture, image), zip(means, deviations)).reduce(0) { sum, entry in
            let z = (entry.0 - entry.1.0) / entry.1.1
            return sum + z * z
        }
    }

    static let featureCount = 6

    static func features(_ picture: ArraySlice<Float>, _ image: ImageShape) -> [Double] {
        let count = Double(picture.count)
        let values = picture.map(Double.init)
        let mean = values.reduce(0, +) / count
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
        var roughness = 0.0
        for index in values.indices {
            let column = index % image.width, row = index / image.width % image.height
            if column + 1 < image.width { roughness += abs(values[index + 1] - values[index]) }
            if row + 1 < image.height { roughness += abs(values[index + image.width] - values[index]) }
        }
        return [
            mean, variance.squareRoot(), roughness / count,
            Double(values.count { $0 > -0.995 && $0 < -0.5 }) / count,
            Double(values.count { $0 <= -0.995 }) / count, Double(values.count { $0 >= 0.995 }) / count,
        ]
    }
}
