import Tensor

/// Numbers of a picture that no network computes, by which it is compared with benign ones.
package enum PixelMeasure: Sendable, Hashable {
    /// Levels, steps between neighbours, fine detail and flatness, for ``ScoreTerm/statistics``.
    case statistics
    /// The shares of height and width that are empty around what is shown, for ``ScoreTerm/frame``. Noise, steps and
    /// re-encoding leave them alone.
    case frame

    /// The term that the distance to benign ones is.
    package var term: ScoreTerm {
        switch self {
        case .statistics: .statistics
        case .frame: .frame
        }
    }

    /// What messages call the numbers.
    var name: String {
        switch self {
        case .statistics: "plain statistics"
        case .frame: "the frame"
        }
    }

    /// How many numbers there are of images of a shape.
    package func count(_ image: ImageShape) -> Int {
        switch self {
        case .statistics: Kernels.statisticsCount(channels: image.channels)
        case .frame: Kernels.frameCount
        }
    }

    /// The floats of scratch that ``take(of:_:scratch:into:)`` needs.
    package func scratch(_ image: ImageShape) -> Int {
        switch self {
        case .statistics: Kernels.statisticsScratch(image)
        case .frame: Kernels.frameScratch(image)
        }
    }

    /// The numbers of one picture.
    ///
    /// **Shapes** x (C·H·W), canonical values; y (``count(_:)``).
    package func take(
        of x: UnsafePointer<Float>, _ image: ImageShape, scratch: UnsafeMutablePointer<Float>,
        into y: UnsafeMutablePointer<Float>
    ) {
        switch self {
        case .statistics: Kernels.statistics(of: x, image, scratch: scratch, into: y)
        case .frame: Kernels.frame(of: x, image, scratch: scratch, into: y)
        }
    }
}
