import Learning
import SAME
import Tensor

/// Pictures that a thief has: a public set, or a few of the victim's own kind.
package struct PicturePool: Sendable {
    package let images: ImageSet
    /// The set's own classes, which have nothing to do with the victim's; nil when it has none.
    package let labels: Labels?

    /// Pictures with or without classes. Traps when their numbers differ.
    package init(images: ImageSet, labels: Labels? = nil) {
        precondition(labels.map { $0.values.count == images.count } ?? true)
        self.images = images
        self.labels = labels
    }

    /// Canonical pictures on the 8-bit grid, kept as bytes.
    package init(_ pictures: Tensor, shape: ImageShape) {
        let bytes = pictures.values.map { UInt8(min(max((($0 + 1) * 127.5).rounded(), 0), 255)) }
        self.init(images: ImageSet(shape: shape, bytes: bytes))
    }

    /// The number of pictures.
    package var count: Int { images.count }

    /// The pictures at `indices`. **Shapes** (B, C·H·W), canonical values.
    package func pictures(at indices: some Collection<Int>) -> Tensor {
        images.canonical(indices, range: .signed)
    }

    /// Throws unless the pictures are the victim's size and at least `countMin`.
    func require(_ session: AttackSession, atLeast countMin: Int = 1, attack: String) throws(AttackError) {
        guard images.shape == session.image else {
            throw .unfit(
                attack: attack, reason: "its pictures are \(images.shape), the victim takes \(session.image)")
        }
        guard count >= countMin else {
            throw .unfit(attack: attack, reason: "it needs \(countMin) pictures and has \(count)")
        }
    }
}

extension AttackSession {
    /// How many pictures are asked about at once where nothing else decides it.
    static let rowsAtOnce = 64

    /// Asks about the pool's pictures at `indices`, in order, as far as the budget goes.
    func ask(_ pool: PicturePool, at indices: [Int], origin: QueryOrigin = .attack) throws(AttackError) {
        for start in stride(from: 0, to: indices.count, by: Self.rowsAtOnce) where remaining > 0 {
            let rows = indices[start..<min(start + Self.rowsAtOnce, indices.count)]
            _ = try ask(pool.pictures(at: rows), origin: origin)
        }
    }
}
