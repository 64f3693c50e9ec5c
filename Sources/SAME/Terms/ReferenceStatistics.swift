import Neural
import Tensor

/// Where benign images lie among plain statistics of pixels, for ``ScoreTerm/statistics``.
///
/// What reconstructs well can still be no picture of the owner's: digits of another scanner, strokes whose ink was stepped along
/// a gradient. Levels, steps between neighbours, fine detail, flatness and the frame around what is shown tell those apart
/// (`Kernels.statistics`), as long as they are judged together: the distance to the k-th nearest benign image, each statistic in
/// units of its standard deviation.
///
/// **Source** the distance: Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors" (ICML 2022), of plain
/// statistics in place of a network's features.
package struct ReferenceStatistics: Sendable, Equatable {
    /// How many there are and how they are used: what the manifest says of them.
    package struct Shape: Codable, Hashable, Sendable {
        /// The benign images.
        package var count: Int
        /// The statistics of each.
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
        package func defect(_ image: ImageShape) -> String? {
            guard (2...ReferenceFeatures.countMax).contains(count) else {
                return "reference statistics are of 2 to \(ReferenceFeatures.countMax) images"
            }
            guard statistics == Kernels.statisticsCount(channels: image.channels) else {
                return
                    "images of \(image) have \(Kernels.statisticsCount(channels: image.channels)) statistics, not \(statistics)"
            }
            guard (1...count).contains(neighbours) else {
                return "the neighbour counted to is not one of the \(count) reference statistics"
            }
            return nil
        }
    }

    /// Two images that differ by less in a statistic are alike in it, however alike the benign ones are.
    private static let deviationMin: Float = 0.01

    /// The mean and standard deviation of each statistic over the benign images. **Shapes** (statistics).
    package let means: Tensor
    package let deviations: Tensor
    /// The benign images, standardised. **Shapes** (count, statistics).
    package let points: Tensor
    package let shape: Shape

    /// References from benign images. **Shapes** images (N, C·H·W), canonical values; N at least 2.
    package init(_ images: Tensor, of image: ImageShape, neighbours: Int) {
        let features = (0..<images.rows).map { Self.statistics(images.row($0), image) }
        let width = Kernels.statisticsCount(channels: image.channels)
        shape = Shape(count: images.rows, statistics: width, neighbours: neighbours)
        precondition(shape.defect(image) == nil, "references that no manifest could state")
        let count = Double(features.count)
        let means = (0..<width).map { k in features.reduce(0) { $0 + Double($1[k]) } / count }
        let deviations = (0..<width).map { k -> Float in
            let square = features.reduce(0) { $0 + (Double($1[k]) - means[k]) * (Double($1[k]) - means[k]) }
            return max(Float((square / (count - 1)).squareRoot()), Self.deviationMin)
        }
        self.means = Tensor(shape: [width], values: means.map(Float.init))
        self.deviations = Tensor(shape: [width], values: deviations)
        let standardised = features.flatMap { row in
            row.indices.map { (row[$0] - Float(means[$0])) / deviations[$0] }
        }
        points = Tensor(shape: [images.rows, width], values: standardised)
    }

    /// References as a file holds them.
    package init(_ shape: Shape, state: StateDict) throws(ReferenceStatisticsError) {
        guard state.count == 3, let means = state["means"], let deviations = state["deviations"],
            let points = state["points"], means.shape == [shape.statistics],
            deviations.shape == [shape.statistics], points.shape == [shape.count, shape.statistics]
        else { throw .otherShape(shape) }
        guard deviations.values.allSatisfy({ $0 >= Self.deviationMin && $0.isFinite }),
            (means.values + points.values).allSatisfy(\.isFinite)
        else { throw .notNumbers }
        (self.means, self.deviations, self.points, self.shape) = (means, deviations, points, shape)
    }

    /// What the file holds.
    package var stateDict: StateDict { ["means": means, "deviations": deviations, "points": points] }

    /// The distance of an image to the counted neighbour. **Units** standard deviations. Not a number where a pixel is none.
    ///
    /// **Shapes** image (C·H·W), canonical values.
    package func distance(_ image: ArraySlice<Float>, _ shape: ImageShape) -> Float {
        let raw = Self.statistics(image, shape)
        let place = raw.indices.map { (raw[$0] - means.values[$0]) / deviations.values[$0] }
        let distances = (0..<self.shape.count).map { row in
            zip(place, points.row(row)).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        guard distances.allSatisfy({ !$0.isNaN }) else { return .nan }
        return distances.sorted()[self.shape.neighbours - 1].squareRoot()
    }

    /// The statistics of one image.
    private static func statistics(_ image: ArraySlice<Float>, _ shape: ImageShape) -> [Float] {
        var scratch = [Float](repeating: 0, count: max(1, Kernels.statisticsScratch(shape)))
        return [Float](unsafeUninitializedCapacity: Kernels.statisticsCount(channels: shape.channels)) {
            room, filled in
            filled = room.count
            image.withUnsafeBufferPointer { image in
                scratch.withUnsafeMutableBufferPointer { scratch in
                    guard let x = image.baseAddress, let s = scratch.baseAddress, let to = room.baseAddress
                    else { return }
                    Kernels.statistics(of: x, shape, scratch: s, into: to)
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
