import CKernels

extension Kernels {
    /// How many plain statistics a picture of so many channels has.
    package static func statisticsCount(channels: Int) -> Int { sg_statistics_count(channels) }

    /// The number of floats of scratch that ``statistics(of:_:scratch:into:)`` needs.
    package static func statisticsScratch(_ image: ImageShape) -> Int {
        sg_statistics_scratch(image.channels, image.height, image.width)
    }

    /// The plain statistics of a picture: levels, steps between neighbours, fine detail, flatness, of the mean of its channels;
    /// of more than one channel besides, of each one's difference from that, and how their diagonal details correlate.
    ///
    /// **Shapes** x (C·H·W), canonical values; y (``statisticsCount(channels:)``).
    package static func statistics(of x: Values, _ image: ImageShape, scratch: Room, into y: Room) {
        sg_statistics(x, image.channels, image.height, image.width, scratch, y)
    }

    /// How many numbers a picture's frame is.
    package static var frameCount: Int { Int(SG_FRAME) }

    /// The number of floats of scratch that ``frame(of:_:scratch:into:)`` needs.
    package static func frameScratch(_ image: ImageShape) -> Int {
        sg_frame_scratch(image.channels, image.height, image.width)
    }

    /// The frame of a picture: the shares of its height and of its width that are empty around what differs from the border's
    /// middle level, the smaller one first.
    ///
    /// **Shapes** x (C·H·W), canonical values; y (``frameCount``).
    package static func frame(of x: Values, _ image: ImageShape, scratch: Room, into y: Room) {
        sg_frame(x, image.channels, image.height, image.width, scratch, y)
    }
}
