import Imaging
import SAME
import Tensor

/// What another client does to pictures before it sends them.
enum OtherClient {
    /// Each picture enlarged by half with bilinear interpolation and brought back by area, rounded to bytes both times.
    ///
    /// **Shapes** pictures and result (B, C·H·W), canonical values.
    static func resized(_ pictures: Tensor, shape: ImageShape) -> Tensor {
        var values: [Float] = []
        values.reserveCapacity(pictures.count)
        for row in 0..<pictures.rows {
            let picture = pictures.row(row)
            guard let image = PixelBytes.image(picture, shape),
                let large = try? image.resized(width: shape.width * 3 / 2, height: shape.height * 3 / 2),
                let back = try? large.resized(width: shape.width, height: shape.height, by: .area)
            else {
                values += picture
                continue
            }
            values += PixelBytes.canonical(back, shape)
        }
        return Tensor(shape: pictures.shape, values: values)
    }
}

extension OtherClient {
    /// Each picture written as JPEG and read again: honest clients do so, and attackers who hide a step.
    ///
    /// **Shapes** pictures and result (B, C·H·W), canonical values.
    static func reencoded(_ pictures: Tensor, shape: ImageShape, quality: Int) -> Tensor {
        var values: [Float] = []
        values.reserveCapacity(pictures.count)
        for row in 0..<pictures.rows {
            let picture = pictures.row(row)
            guard let image = PixelBytes.image(picture, shape),
                let bytes = try? image.encodeJPEG(quality: quality),
                let back = try? Image.decodeJPEG(bytes.span), back.channels == shape.channels
            else {
                values += picture
                continue
            }
            values += PixelBytes.canonical(back, shape)
        }
        return Tensor(shape: pictures.shape, values: values)
    }
}

/// Canonical pictures as images of bytes, and back.
enum PixelBytes {
    /// The picture on the 8-bit grid; nil where it has neither one nor three channels.
    static func image(_ picture: some Collection<Float>, _ shape: ImageShape) -> Image? {
        let bytes = picture.map { UInt8(min(max((($0 + 1) * 127.5).rounded(), 0), 255)) }
        let plane = shape.width * shape.height
        var samples = [UInt8](repeating: 0, count: bytes.count)
        for channel in 0..<shape.channels {
            for pixel in 0..<plane {
                samples[pixel * shape.channels + channel] = bytes[channel * plane + pixel]
            }
        }
        return try? Image(
            width: shape.width, height: shape.height, channels: shape.channels, samples: samples)
    }

    /// The canonical values, channels first.
    static func canonical(_ image: Image, _ shape: ImageShape) -> [Float] {
        let plane = shape.width * shape.height
        return (0..<shape.count).map { index in
            PixelRange.signed.canonical(image.samples[index % plane * shape.channels + index / plane])
        }
    }
}
