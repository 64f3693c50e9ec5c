import Foundation
import Neural
import Tensor

/// Where benign images lie among what the auxiliary model sees in a reconstruction, for ``ScoreTerm/neighbour``.
///
/// **Source** Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors" (ICML 2022): the distance of unit
/// features to the k-th nearest benign one; here of the reconstruction's, not the image's.
package struct ReferenceFeatures: Sendable, Equatable {
    /// How many there are and how they are used: what the manifest says of them.
    package struct Shape: Codable, Hashable, Sendable {
        /// The benign images.
        package var count: Int
        /// The values of each, which are those that enter the auxiliary model's last layer.
        package var features: Int
        /// The distance to the nearest but `neighbours` − 1 is the term.
        package var neighbours: Int

        /// Every field as given.
        package init(count: Int, features: Int, neighbours: Int) {
            self.count = count
            self.features = features
            self.neighbours = neighbours
        }

        /// What no references can have, or nil.
        package var defect: String? {
            guard (1...ReferenceFeatures.countMax).contains(count), features > 0 else {
                return "references are 1 to \(ReferenceFeatures.countMax) rows of features"
            }
            guard (1...count).contains(neighbours) else {
                return "the neighbour counted to is not one of the \(count) references"
            }
            return nil
        }
    }

    /// More would cost as much as the networks.
    package static let countMax = 65536
    /// The tensor's name in the file.
    package static let tensorName = "features"

    /// **Shapes** (count, features), each row of length 1.
    package let features: Tensor
    package let shape: Shape

    /// References from the features of benign reconstructions, which are made unit vectors. Traps when the shape has a
    /// defect.
    package init(_ features: Tensor, neighbours: Int) {
        var unit: [Float] = []
        unit.reserveCapacity(features.count)
        for row in 0..<features.rows { unit += Self.unit(features.row(row)) }
        self.features = Tensor(shape: [features.rows, features.rowCount], values: unit)
        shape = Shape(count: features.rows, features: features.rowCount, neighbours: neighbours)
        precondition(shape.defect == nil, "references that no manifest could state")
    }

    /// References as a file holds them, taken as they are: unit vectors but for rounding.
    package init(_ shape: Shape, state: StateDict) throws(ReferenceError) {
        guard state.count == 1, let tensor = state[Self.tensorName],
            tensor.shape == [shape.count, shape.features]
        else { throw .otherShape(shape) }
        for row in 0..<tensor.rows {
            let length = tensor.row(row).reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            guard abs(length - 1) < 1e-3 || length == 0 else { throw .notUnit(row: row) }
        }
        features = tensor
        self.shape = shape
    }

    /// What the file holds.
    package var stateDict: StateDict { [Self.tensorName: features] }

    /// The distance of unit vectors to the counted neighbour, √(2 − 2 cos): 0 where the features are the same, 2 where
    /// they are opposite.
    package func distance(_ features: ArraySlice<Float>) -> Float {
        let unit = Self.unit(features)
        let cosines = (0..<shape.count).map { row in
            zip(unit, self.features.row(row)).reduce(Float(0)) { $0 + $1.0 * $1.1 }
        }
        return Self.distance(cosines: cosines, neighbours: shape.neighbours)
    }

    /// The same from the products with all references. What is no number is as far as can be.
    package static func distance(cosines: some Sequence<Float>, neighbours: Int) -> Float {
        // The largest so far, the smallest of them first: k is small, so insertion is as good as a heap.
        var best: [Float] = []
        best.reserveCapacity(neighbours + 1)
        for cosine in cosines where best.count < neighbours || !(cosine <= best[0]) {
            guard !cosine.isNaN else { return 2 }
            best.insert(cosine, at: best.firstIndex { $0 > cosine } ?? best.count)
            if best.count > neighbours { best.removeFirst() }
        }
        return max(0, 2 - 2 * (best.first ?? -1)).squareRoot()
    }

    /// The vector over its length; zeros stay zeros.
    package static func unit(_ features: ArraySlice<Float>) -> [Float] {
        let length = features.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        guard length > 0 else { return Array(features) }
        return features.map { Float(Double($0) / length) }
    }
}

/// Why a file of references is refused.
package enum ReferenceError: Error, Hashable, Sendable {
    case otherShape(ReferenceFeatures.Shape)
    case notUnit(row: Int)
}

extension ReferenceError: CustomStringConvertible {
    /// What is wrong, for a message that names the file.
    package var description: String {
        switch self {
        case .otherShape(let shape):
            "it must hold one tensor, “\(ReferenceFeatures.tensorName)”, of \(shape.count) by \(shape.features)"
        case .notUnit(let row): "reference \(row) is no vector of length 1"
        }
    }
}
