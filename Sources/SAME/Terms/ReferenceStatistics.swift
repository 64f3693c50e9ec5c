import Neural
import Tensor

/// Where benign images lie among the numbers of a ``PixelMeasure``, for ``ScoreTerm/statistics`` and ``ScoreTerm/frame``.
///
/// What reconstructs well can still be no picture of the owner's: digits of another scanner, strokes whose ink was stepped along
/// a gradient. Levels, steps between neighbours, fine detail and flatness tell those apart, and so does the frame around what is
/// shown, as long as they are judged together: the distance to the k-th nearest benign image, each number in units of its
/// standard deviation.
///
/// **Source** the distance: Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors" (ICML 2022), of plain
/// statistics in place of a network's features.
package struct ReferenceStatistics: Sendable, Equatable {
    /// How many there are and how they are used: what the manifest says of them.
    package struct Shape: Codable, Hashable, Sendable {
        /// The benign images whose numbers are kept.
        package var count: Int
        /// The numbers of each.
        package var statistics: Int
        /// The distance to the nearest but `neighbours` − 1 is the term.
        package var neighbours: Int

        /// Every field as given.
        package init(count: Int, statistics: Int, neighbours: Int) {
            self.count = count
            self.statistics = statistics
            self.neighbours = neighbours
        }

        /// What no references to images can have, or nil.
        package func defect(_ measure: PixelMeasure, of image: ImageShape) -> String? {
            guard (1...ReferenceFeatures.countMax).contains(count) else {
                return "references of \(measure.name) are of 1 to \(ReferenceFeatures.countMax) images"
            }
            guard statistics == measure.count(image) else {
                return
                    "the \(measure.name) of images of \(image): \(measure.count(image)) numbers, not \(statistics)"
            }
            guard (1...count).contains(neighbours) else {
                return "the neighbour counted to is not one of the \(count) references of \(measure.name)"
            }
            return nil
        }
    }

    /// Two images that differ by less in a statistic are alike in it, however alike the benign ones are.
    private static let deviationMin: Float = 0.01

    /// What the numbers are.
    package let measure: PixelMeasure
    /// The mean and standard deviation of each number over the benign images. **Shapes** (statistics).
    package let means: Tensor
    package let deviations: Tensor
    /// The benign images, standardised: of those that are equal, no more than count. **Shapes** (count, statistics).
    package let points: Tensor
    package let shape: Shape

    /// References from benign images. **Shapes** images (N, C·H·W), canonical values; N at least 2.
    package init(_ images: Tensor, _ measure: PixelMeasure, of image: ImageShape, neighbours: Int) {
        let features = (0..<images.rows).map { Self.numbers(images.row($0), measure, image) }
        let width = measure.count(image)
        let count = Double(features.count)
        let means = (0..<width).map { k in features.reduce(0) { $0 + Double($1[k]) } / count }
        let deviations = (0..<width).map { k -> Float in
            let square = features.reduce(0) { $0 + (Double($1[k]) - means[k]) * (Double($1[k]) - means[k]) }
            return max(Float((square / (count - 1)).squareRoot()), Self.deviationMin)
        }
        self.means = Tensor(shape: [width], values: means.map(Float.init))
        self.deviations = Tensor(shape: [width], values: deviations)
        // One more of them would change no distance to the k-th nearest.
        var copies: [[Float]: Int] = [:]
        let kept = features.filter { row in
            copies[row, default: 0] += 1
            return copies[row, default: 0] <= neighbours
        }
        let standardised = kept.flatMap { row in
            row.indices.map { (row[$0] - Float(means[$0])) / deviations[$0] }
        }
        points = Tensor(shape: [kept.count, width], values: standardised)
        shape = Shape(count: kept.count, statistics: width, neighbours: neighbours)
        self.measure = measure
        precondition(shape.defect(measure, of: image) == nil, "references that no manifest could state")
    }

    /// References as a file holds them.
    package init(
        _ shape: Shape, _ measure: PixelMeasure, state: StateDict
    ) throws(ReferenceStatisticsError) {
        guard state.count == 3, let means = state["means"], let deviations = state["deviations"],
            let points = state["points"], means.shape == [shape.statistics],
            deviations.shape == [shape.statistics], points.shape == [shape.count, shape.statistics]
        else { throw .otherShape(shape) }
        guard deviations.values.allSatisfy({ $0 >= Self.deviationMin && $0.isFinite }),
            (means.values + points.values).allSatisfy(\.isFinite)
        else { throw .notNumbers }
        (self.means, self.deviations, self.points, self.shape) = (means, deviations, points, shape)
        self.measure = measure
    }

    /// What references to images of a shape cannot have, or nil.
    package func defect(_ image: ImageShape) -> String? { shape.defect(measure, of: image) }

    /// What the file holds.
    package var stateDict: StateDict { ["means": means, "deviations": deviations, "points": points] }

    /// The distance of an image to the counted neighbour. **Units** standard deviations. Not a number where a pixel is none.
    ///
    /// **Shapes** image (C·H·W), canonical values.
    package func distance(_ image: ArraySlice<Float>, _ shape: ImageShape) -> Float {
        let raw = Self.numbers(image, measure, shape)
        let place = raw.indices.map { (raw[$0] - means.values[$0]) / deviations.values[$0] }
        let distances = (0..<self.shape.count).map { row in
            zip(place, points.row(row)).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        guard distances.allSatisfy({ !$0.isNaN }) else { return .nan }
        return distances.sorted()[self.shape.neighbours - 1].squareRoot()
    }

    /// The numbers of one image.
    private static func numbers(
        _ image: ArraySlice<Float>, _ measure: PixelMeasure, _ shape: ImageShape
    ) -> [Float] {
        var scratch = [Float](repeating: 0, count: max(1, measure.scratch(shape)))
        return [Float](unsafeUninitializedCapacity: measure.count(shape)) { room, filled in
            filled = room.count
            image.withUnsafeBufferPointer { image in
                scratch.withUnsafeMutableBufferPointer { scratch in
                    guard let x = image.baseAddress, let s = scratch.baseAddress, let to = room.baseAddress
                    else { return }
                    measure.take(of: x, shape, scratch: s, into: to)
                }
            }
        }
    }
}

/// Why a file of reference statistics is refused.
package enum ReferenceStatisticsError: Error, Hashable, Sendable {
    case otherShape(ReferenceStatistics.Shape)
    case notNumbers
}

extension ReferenceStatisticsError: CustomStringConvertible {
    /// What is wrong, for a message that names the file.
    package var description: String {
        switch self {
        case .otherShape(let shape):
            "it must hold “means” and “deviations” of \(shape.statistics), and “points” of \(shape.count) by \(shape.statistics)"
        case .notNumbers: "a mean or a point is no number, or a deviation is too small to be one"
        }
    }
}
