import Learning
import Tensor

extension Evaluation.Data {
    /// Test pictures with their labels in an order drawn at random, at most `count` of them.
    ///
    /// Much is measured on a half of them, or on the first so many. Files may come class by class: in their order these would
    /// be pictures of some classes, held against those of others.
    package static func drawn(
        _ images: ImageSet, _ labels: Labels, count: Int?
    ) -> (images: ImageSet, labels: Labels) {
        var generator = RandomGenerator(seed: 1, stream: 500)
        let kept = generator.permutation(images.count).prefix(count ?? images.count)
        return (
            images.selecting(kept),
            Labels(values: kept.map { labels.values[$0] }, classes: labels.classes, names: labels.names)
        )
    }
}
