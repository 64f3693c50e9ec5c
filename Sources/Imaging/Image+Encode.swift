import CPNG

extension Image {
    /// The picture as a PNG file, lossless.
    package func encodePNG() throws(ImageError) -> [UInt8] {
        let (width, height, channels) = (UInt32(self.width), UInt32(self.height), UInt32(self.channels))
        var capacity = 0
        let isMeasured = samples.withUnsafeBufferPointer {
            samegate_png_encode($0.baseAddress, width, height, channels, nil, &capacity) == 1
        }
        guard isMeasured else { throw .unencodable }
        var isWritten = false
        let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
            var length = capacity
            isWritten = samples.withUnsafeBufferPointer {
                samegate_png_encode($0.baseAddress, width, height, channels, output.baseAddress, &length) == 1
            }
            count = isWritten ? length : 0
        }
        guard isWritten else { throw .unencodable }
        return bytes
    }
}
