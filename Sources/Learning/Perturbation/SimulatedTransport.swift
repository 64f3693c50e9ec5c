import Imaging
import SAME
import Tensor

/// What may happen to a picture between its making and the gateway, honest or not: 8 bits, JPEG, another size and back.
///
/// Honest pictures and perturbed ones travel alike, so that re-encoding is not what tells them apart; the honest are
/// re-encoded somewhat more often, so that it speaks for a picture rather than against it.
struct SimulatedTransport {
    /// The share of pictures written as JPEG, and of those that are resized.
    let jpegShare: Double
    let resizeShare: Double

    static let honest = SimulatedTransport(jpegShare: 0.4, resizeShare: 0.25)
    static let perturbed = SimulatedTransport(jpegShare: 0.25, resizeShare: 0.15)

    private static let qualities = 70..<98
    /// The sizes in between, as multiples of a side.
    private static let factors = [0.72, 0.86, 0.93, 1.14, 1.29, 1.43, 2]

    /// The batch as it arrives. **Shapes** (B, C·H·W).
    func carry(_ batch: Tensor, shape: ImageShape, generator: inout RandomGenerator) -> Tensor {
        var values: [Float] = []
        values.reserveCapacity(batch.count)
        let table = PixelRange.signed.table
        for row in 0..<batch.rows {
            let bytes = carry(Self.bytes(batch.row(row)), shape, &generator)
            values.append(contentsOf: bytes.lazy.map { table[Int($0)] })
        }
        return Tensor(shape: batch.shape, values: values)
    }

    /// The same draws whatever becomes of the picture.
    private func carry(
        _ bytes: [UInt8], _ shape: ImageShape, _ generator: inout RandomGenerator
    ) -> [UInt8] {
        let draw = generator.uniform()
        let quality = Self.qualities.lowerBound + generator.integer(below: Self.qualities.count)
        let factor = Self.factors[generator.integer(below: Self.factors.count)]
        let interpolation = Image.Interpolation.allCases[
            generator.integer(below: Image.Interpolation.allCases.count)]
        guard draw < jpegShare + resizeShare, let picture = Self.picture(bytes, shape) else { return bytes }
        do throws(ImageError) {
            if draw < jpegShare {
                let file = try picture.encodeJPEG(quality: quality)
                return Self.planar(try Image.decode(file.span), shape) ?? bytes
            }
            let size = (Self.scaled(shape.width, factor), Self.scaled(shape.height, factor))
            let between = try picture.resized(width: size.0, height: size.1, by: interpolation)
            let back = try between.resized(width: shape.width, height: shape.height, by: interpolation)
            return Self.planar(back, shape) ?? bytes
        } catch {
            // A picture that no encoder takes would not have been re-encoded on its way either.
            return bytes
        }
    }

    private static func scaled(_ side: Int, _ factor: Double) -> Int {
        max(1, Int((Double(side) * factor).rounded()))
    }

    /// 8 bits of canonical values.
    private static func bytes(_ values: ArraySlice<Float>) -> [UInt8] {
        values.map { UInt8(((min(1, max(-1, $0)) + 1) * 127.5).rounded()) }
    }

    /// The picture of channels-first bytes; nil where files have no such number of channels.
    private static func picture(_ bytes: [UInt8], _ shape: ImageShape) -> Image? {
        guard shape.channels == 1 || shape.channels == 3 else { return nil }
        let plane = shape.height * shape.width
        let samples =
            shape.channels == 1
            ? bytes
            : (0..<shape.count).map { bytes[$0 % shape.channels * plane + $0 / shape.channels] }
        return try? Image(
            width: shape.width, height: shape.height, channels: shape.channels, samples: samples)
    }

    private static func planar(_ picture: Image, _ shape: ImageShape) -> [UInt8]? {
        guard (picture.channels, picture.width, picture.height) == (shape.channels, shape.width, shape.height)
        else { return nil }
        return ImageSet.channelsFirst(picture.samples, shape)
    }
}
