/// The shape of one image: channels first, row-major, as every network and every canonical query here has it.
package struct ImageShape: Hashable, Codable, Sendable {
    package var channels: Int
    package var height: Int
    package var width: Int

    package init(channels: Int, height: Int, width: Int) {
        self.channels = channels
        self.height = height
        self.width = width
    }

    /// The number of values of one image: channels · height · width.
    package var count: Int { channels * height * width }
}

extension ImageShape: CustomStringConvertible {
    /// `CxHxW`, for messages.
    package var description: String { "\(channels)x\(height)x\(width)" }
}
