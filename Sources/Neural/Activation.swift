import Tensor

/// A matrix of values on its way through a network: rows of `columns` channels each.
///
/// Lives in the arena of the pass that made it, and no longer.
package final class Activation {
    package let values: UnsafeMutablePointer<Float>
    package let rows: Int
    package let columns: Int
    /// Whether anything before it is to be trained; the images themselves usually are not.
    package let needsGradient: Bool
    /// The loss's gradient by these values, once something after it has run backward.
    package internal(set) var gradient: UnsafeMutablePointer<Float>?

    init(_ values: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int, needsGradient: Bool) {
        self.values = values
        self.rows = rows
        self.columns = columns
        self.needsGradient = needsGradient
    }

    /// The number of values.
    package var count: Int { rows * columns }

    /// The values as the left or right side of a product.
    var matrix: Matrix { Matrix(values, rows, columns) }
}

/// A batch of channels-last images on its way through a network: (images · height · width, channels).
package struct FeatureMap {
    package let activation: Activation
    package let images: Int
    package let height: Int
    package let width: Int

    package init(_ activation: Activation, images: Int, height: Int, width: Int) {
        precondition(activation.rows == images * height * width)
        self.activation = activation
        self.images = images
        self.height = height
        self.width = width
    }

    /// The number of channels: the columns of the activation.
    package var channels: Int { activation.columns }
    /// The number of values of one image.
    var imageCount: Int { height * width * channels }
}
