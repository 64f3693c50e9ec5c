import CKernels

extension Kernels {
    /// How many plain statistics a picture of so many channels has.
    package static func statisticsCount(channels: Int) -> Int { sg_statistics_count(channels) }

    /// The number of floats of scratch that ``statistics(of:_:scratch:into:)`` needs.
    package static func statisticsScratch(_ image: ImageShape) -> Int {
        sg_statistics_scratch(image.channels, image.height, image.width)
    }

    /// The plain statistics of a picture: levels, steps between neighbours, fine detail, flatness, the frame around what
    /// it shows, of the mean of its channels; of more than one channel besides, of each one's difference from that, and how
    /// their diagonal details correlate.
    ///
    /// **Shapes** x (C·H·W), canonical values; y (``statisticsCount(channels:)``).
    package static func statistics(of x: Values, _ image: ImageShape, scratch: Room, into y: Room) {
        sg_statistics(x, image.channels, image.height, image.width, scratch, y)
    }
}
