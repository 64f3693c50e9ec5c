import CKernels

/// A window that slides over a channels-last image (height, width, channels): a convolution's or a pool's.
package struct Window {
    private var window: sg_window

    package init(
        height: Int, width: Int, channels: Int, side: (height: Int, width: Int), stride: Int, padding: Int = 0
    ) {
        window = sg_window(
            height: height, width: width, channels: channels, window_height: side.height,
            window_width: side.width, stride: stride, padding: padding,
            out_height: (height + 2 * padding - side.height) / stride + 1,
            out_width: (width + 2 * padding - side.width) / stride + 1)
        precondition(
            height + 2 * padding >= side.height && width + 2 * padding >= side.width,
            "the window is larger than the image")
    }

    /// Rows of the output.
    package var outHeight: Int { window.out_height }
    /// Columns of the output.
    package var outWidth: Int { window.out_width }
    /// The number of places the window takes.
    package var places: Int { window.out_height * window.out_width }
    /// The number of values in the window: height · width · channels.
    package var count: Int { window.window_height * window.window_width * window.channels }
    /// The number of values of the image.
    package var imageCount: Int { window.height * window.width * window.channels }
    /// The number of values of a pool's result.
    package var pooledCount: Int { places * window.channels }

    /// columns (lines · outWidth, count): the values under each place of some lines of the output, 0 outside the image,
    /// with `rowStride` values from place to place.
    package func unroll(
        _ image: Kernels.Values, lines: Range<Int>, into columns: Kernels.Room, rowStride: Int
    ) {
        withUnsafePointer(to: window) {
            sg_im2col(image, columns, rowStride, $0, lines.lowerBound, lines.upperBound)
        }
    }

    /// image += the columns, each where it came from.
    package func rollBack(_ columns: Kernels.Values, addingTo image: Kernels.Room) {
        withUnsafePointer(to: window) { sg_col2im(columns, image, $0) }
    }

    /// The largest value of each window and channel, and its place in the window.
    package func largest(_ image: Kernels.Values, into y: Kernels.Room, places: UnsafeMutablePointer<UInt16>)
    {
        withUnsafePointer(to: window) { sg_maxpool(image, y, places, $0) }
    }

    /// dimage += dy where the largest values were.
    package func largestBackward(
        _ dy: Kernels.Values, places: UnsafePointer<UInt16>, addingTo dimage: Kernels.Room
    ) {
        withUnsafePointer(to: window) { sg_maxpool_backward(dy, places, dimage, $0) }
    }

    /// The mean of each window and channel; outside the image counts as 0.
    package func mean(_ image: Kernels.Values, into y: Kernels.Room) {
        withUnsafePointer(to: window) { sg_avgpool(image, y, $0) }
    }

    /// dimage += each window's share of dy.
    package func meanBackward(_ dy: Kernels.Values, addingTo dimage: Kernels.Room) {
        withUnsafePointer(to: window) { sg_avgpool_backward(dy, dimage, $0) }
    }
}
