import SAME
import Tensor

/// One decoded picture: bytes, channels first.
package struct ImageFile: Sendable {
    package let shape: ImageShape
    package let bytes: [UInt8]

    /// The largest picture file that is read.
    package static let fileBytesMax = 64 << 20

    /// A picture as given. Traps when the bytes are not the shape's.
    package init(shape: ImageShape, bytes: [UInt8]) {
        precondition(bytes.count == shape.count)
        self.shape = shape
        self.bytes = bytes
    }

    /// The picture in a PNG or JPEG file.
    package init(_ path: String) throws(DataError) {
        throw .image(path: path, reason: "PNG and JPEG files are not read yet")
    }

    /// The picture at another size: each new pixel is a tent-weighted mean of what it covers, which is the line
    /// between its neighbours where the picture grows.
    package func resized(height: Int, width: Int) -> ImageFile {
        guard height != shape.height || width != shape.width else { return self }
        let target = ImageShape(channels: shape.channels, height: height, width: width)
        let columns = Self.weights(from: shape.width, to: width)
        let lines = Self.weights(from: shape.height, to: height)
        var scaled: [UInt8] = []
        scaled.reserveCapacity(target.count)
        for channel in 0..<shape.channels {
            let plane = channel * shape.height * shape.width
            let narrowed = (0..<shape.height).map { y in
                columns.map { weights in
                    weights.reduce(0) { $0 + $1.share * Double(bytes[plane + y * shape.width + $1.index]) }
                }
            }
            for weights in lines {
                for x in 0..<width {
                    let value = weights.reduce(0) { $0 + $1.share * narrowed[$1.index][x] }
                    scaled.append(UInt8(min(max(value.rounded(), 0), 255)))
                }
            }
        }
        return ImageFile(shape: target, bytes: scaled)
    }

    /// For each of `to` new positions the old ones it is made of and their shares, which sum to 1.
    private static func weights(from: Int, to: Int) -> [[(index: Int, share: Double)]] {
        let scale = Double(from) / Double(to)
        // A tent of at least one old pixel to each side: interpolation when growing, an average when shrinking.
        let reach = max(scale, 1)
        return (0..<to).map { position in
            let center = (Double(position) + 0.5) * scale - 0.5
            let first = max(0, Int((center - reach).rounded(.up)))
            let last = min(from - 1, Int((center + reach).rounded(.down)))
            let tents = (first...max(first, last)).map { index in
                (index: index, share: max(0, 1 - abs(Double(index) - center) / reach))
            }
            let sum = tents.reduce(0) { $0 + $1.share }
            guard sum > 0 else { return [(index: min(max(Int(center.rounded()), 0), from - 1), share: 1)] }
            return tents.map { (index: $0.index, share: $0.share / sum) }
        }
    }
}
