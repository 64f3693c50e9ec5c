import CJPEG
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

    /// The picture as a baseline JPEG file with libjpeg's tables for a quality of 1…100 and 4:2:0 chroma, as most clients
    /// write it; an alpha channel cannot be kept.
    /// **Throws** `ImageError.unencodable` for a picture with an alpha channel, one too large for the format, or a quality
    /// out of range.
    package func encodeJPEG(quality: Int = 90) throws(ImageError) -> [UInt8] {
        guard (1...100).contains(quality), channels != 4, width < 65_536, height < 65_536 else {
            throw .unencodable
        }
        // More than the worst case of Huffman-coded noise at quality 100, whole blocks counted.
        let capacity = ((width + 15) & ~15) * ((height + 15) & ~15) * channels * 4 + 4096
        var isWritten = false
        let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
            var length = UInt(capacity)
            var result = samegate_jpeg_result()
            isWritten = samples.withUnsafeBufferPointer {
                samegate_jpeg_encode(
                    $0.baseAddress, UInt32(width), UInt32(height), UInt32(channels), Int32(quality),
                    output.baseAddress, length, &length, &result) == 1
            }
            count = isWritten ? Int(length) : 0
        }
        guard isWritten else { throw .unencodable }
        return bytes
    }
}
