import Engine
import SAME
import Tensor

extension FitOptions {
    /// The share of patches that the masked pass hides: half of them leave enough to guess by and enough to guess.
    package static let maskedRatio = 0.5

    /// The benign features that ``ScoreTerm/neighbour`` compares with.
    package struct References: Codable, Hashable, Sendable {
        /// Training images whose features are kept.
        package var count = 500
        /// The neighbour whose distance counts.
        package var neighbours = 5

        /// As many as usual.
        package init() {}

        /// The references of the images at `indices`, or nil where there are none.
        package func make(
            _ images: ImageSet, at indices: [Int], by autoencoder: MaskedAutoencoder,
            _ auxiliary: Classifier, workspace: Workspace
        ) throws(PlanError) -> ReferenceFeatures? {
            guard !indices.isEmpty else { return nil }
            let reconstructor = try Reconstructor(autoencoder, workspace: workspace)
            var features: [Float] = []
            for start in stride(from: 0, to: indices.count, by: 256) {
                let part = indices[start..<min(start + 256, indices.count)]
                let painted = reconstructor.reconstruct(images.canonical(part, range: .signed))
                features += auxiliary.describe(painted, workspace: workspace).features.values
            }
            let tensor = Tensor(
                shape: [indices.count, auxiliary.architecture.features], values: features)
            return ReferenceFeatures(tensor, neighbours: min(neighbours, indices.count))
        }

        /// What is wrong with the options; empty when nothing is.
        var problems: [String] {
            var problems: [String] = []
            if !(1...ReferenceFeatures.countMax).contains(count) {
                problems.append("references must be from 1 to \(ReferenceFeatures.countMax) images")
            }
            if !(1...max(count, 1)).contains(neighbours) {
                problems.append("the neighbour counted to must be one of the references")
            }
            return problems
        }
    }
}
