import Digest
import SAME
import Tensor

/// Images of one shape, kept as bytes (a quarter of their size as floats) and made canonical batch by batch.
package struct ImageSet: Sendable {
    /// The shape that all images have.
    package let shape: ImageShape
    /// The pixels of all images, each channels first. **Units** 0 darkest … 255 brightest.
    package let bytes: [UInt8]

    /// Images of the given shape. Traps when the bytes are not a whole number of them.
    package init(shape: ImageShape, bytes: [UInt8]) {
        precondition(shape.count > 0 && bytes.count.isMultiple(of: shape.count))
        self.shape = shape
        self.bytes = bytes
    }

    /// Images of an IDX file with dimensions (count, height, width) or (count, height, width, channels).
    package init(idx path: String) throws(DataError) {
        let file = try IDXFile(contentsOf: path)
        let sizes = file.dimensions
        switch sizes.count {
        case 3:
            self.init(shape: ImageShape(channels: 1, height: sizes[1], width: sizes[2]), bytes: file.bytes)
        case 4:
            let shape = ImageShape(channels: sizes[3], height: sizes[1], width: sizes[2])
            self.init(shape: shape, bytes: Self.channelsFirst(file.bytes, shape))
        default: throw .notImages(path: path, dimensions: sizes.count)
        }
    }

    /// Images of a file whose name is that of no other kind: of an IDX file, however it is named.
    ///
    /// **Throws** `unknownKind`, which names the kinds that there are, for one that neither is named nor begins as IDX files.
    package init(otherFile path: String) throws(DataError) {
        if !IDXFile.isNamedSo(path) {
            guard try IDXFile.beginsSo(path) else { throw .unknownKind(path: path) }
        }
        try self.init(idx: path)
    }

    /// The number of images.
    package var count: Int { bytes.count / shape.count }

    /// The bytes of one image, shared.
    package func image(_ index: Int) -> ArraySlice<UInt8> {
        bytes[index * shape.count..<(index + 1) * shape.count]
    }

    /// The canonical values of the images at `indices`.
    ///
    /// **Shapes** (B, C·H·W) Float32.
    package func canonical(_ indices: some Collection<Int>, range: PixelRange) -> Tensor {
        let table = range.table
        var values: [Float] = []
        values.reserveCapacity(indices.count * shape.count)
        for index in indices { values.append(contentsOf: image(index).lazy.map { table[Int($0)] }) }
        return Tensor(shape: [indices.count, shape.count], values: values)
    }

    /// The images at `indices`, in their order.
    package func selecting(_ indices: some Collection<Int>) -> ImageSet {
        var chosen: [UInt8] = []
        chosen.reserveCapacity(indices.count * shape.count)
        for index in indices { chosen += image(index) }
        return ImageSet(shape: shape, bytes: chosen)
    }

    /// SHA-256 of shape and bytes: whether recorded answers belong to these very images, in this order.
    package var digest: String {
        var hasher = SHA256Hasher()
        hasher.update("\(shape) \(count)\n")
        hasher.update(bytes)
        return hasher.finish().hex
    }

    /// Pixel-interleaved bytes, as files hold them, to channels first.
    package static func channelsFirst(_ bytes: [UInt8], _ shape: ImageShape) -> [UInt8] {
        guard shape.channels > 1 else { return bytes }
        let plane = shape.height * shape.width
        var planar = [UInt8](repeating: 0, count: bytes.count)
        for start in stride(from: 0, to: bytes.count, by: shape.count) {
            for channel in 0..<shape.channels {
                for pixel in 0..<plane {
                    planar[start + channel * plane + pixel] = bytes[start + pixel * shape.channels + channel]
                }
            }
        }
        return planar
    }
}
