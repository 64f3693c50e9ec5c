import Tensor

/// Which images train and which are held out, drawn by a seed alone.
package struct Split: Hashable, Sendable {
    /// Ascending, so that files are read in order; training shuffles them anew each epoch.
    package let training: [Int]
    /// Ascending too.
    package let heldOut: [Int]

    /// Holds `holdout` of `count` images out.
    package init(count: Int, holdout: Int, seed: UInt64) throws(DataError) {
        guard holdout >= 0, holdout < count else { throw .holdoutTooLarge(holdout: holdout, images: count) }
        var generator = RandomGenerator(seed: seed, stream: Stream.split.rawValue << 48)
        let order = generator.permutation(count)
        heldOut = order.prefix(holdout).sorted()
        training = order.dropFirst(holdout).sorted()
    }
}

/// What a seed is used for: each purpose draws from its own stream, so that one more draw here moves nothing
/// there.
enum Stream: UInt64 {
    case split = 1
    case autoencoderWeights
    case autoencoderSteps
    case autoencoderOrder
    case classifierWeights
    case classifierSteps
    case classifierOrder
    case probes
    case thiefImages
    case thiefWeights
    case thiefOrder
    case thiefSteps
    case detectorWeights
    case detectorOrder
    case detectorSteps
    case references
    case calibrationTransport
    case strangers
    case validationSteps
    case statistics
    case voiceQueries
    case precisionQueries

    /// The generator of one step or epoch: a function of its number, so that a resumed run needs no stored
    /// state.
    func generator(seed: UInt64, at number: Int) -> RandomGenerator {
        RandomGenerator(seed: seed, stream: rawValue << 48 | UInt64(number))
    }
}
