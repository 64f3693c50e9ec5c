import SAME
import Tensor

extension FitOptions {
    /// The benign statistics of pixels and frames that ``ScoreTerm/statistics`` and ``ScoreTerm/frame`` compare with.
    package struct Statistics: Codable, Hashable, Sendable {
        /// Training images that are measured: twice as many see little more.
        package var count = 4000
        /// The neighbour whose distance counts.
        package var neighbours = 3

        /// The references of the images at `indices`, at least two, as honest clients send them: those who re-encode shall find
        /// their like.
        func make(
            _ measure: PixelMeasure, of images: ImageSet, at indices: [Int], sent transport: HonestTransport,
            seed: UInt64
        ) -> ReferenceStatistics {
            var generator = Stream.statistics.generator(seed: seed, at: 0)
            let sent = transport.sent(
                images.canonical(indices, range: .signed), images.shape, &generator)
            return ReferenceStatistics(
                sent, measure, of: images.shape, neighbours: min(neighbours, indices.count))
        }

        /// What is wrong with the options; empty when nothing is.
        var problems: [String] {
            var problems: [String] = []
            if !(2...ReferenceFeatures.countMax).contains(count) {
                problems.append("reference statistics must be of 2 to \(ReferenceFeatures.countMax) images")
            }
            if !(1...max(count, 1)).contains(neighbours) {
                problems.append("the neighbour counted to must be one of the reference statistics")
            }
            return problems
        }
    }
}
