import Foundation
import Imaging
import Tensor

/// Pictures from elsewhere, brought into the victim's format: what a thief without the owner's data sends.
package struct ForeignPictures: Sendable {
    /// **Shapes** (count, C·H·W), canonical values in [−1, 1].
    package let values: Tensor
    /// The files they came from, in order.
    package let files: [String]

    /// At most `count` different pictures from the PNG and JPEG files under `folders`, drawn by `seed`.
    ///
    /// Transparency is flattened over black, as the data sets' background is; a picture is scaled by area,
    /// turned to grey where the victim wants one channel, and stretched to the full range, since many icons
    /// are drawn in dark ink. Pictures that come out nearly empty or equal to another are left out.
    package init(folders: [String], count: Int, image: ImageShape, seed: UInt64) {
        var generator = RandomGenerator(seed: seed)
        let found = folders.flatMap(Self.pictureFiles).sorted()
        var values: [Float] = []
        var files: [String] = []
        var seen: Set<[UInt8]> = []
        for index in generator.permutation(found.count) where files.count < count {
            guard let picture = Self.load(found[index], image), seen.insert(picture).inserted else {
                continue
            }
            values += picture.map { Float($0) / 127.5 - 1 }
            files.append(found[index])
        }
        self.values = Tensor(shape: [files.count, image.count], values: values)
        self.files = files
    }

    private static func pictureFiles(under folder: String) -> [String] {
        let keys: [URLResourceKey] = [.isRegularFileKey]
        let walk = FileManager.default.enumerator(
            at: URL(fileURLWithPath: folder), includingPropertiesForKeys: keys)
        var files: [String] = []
        while let url = walk?.nextObject() as? URL {
            guard ["png", "jpg", "jpeg"].contains(url.pathExtension.lowercased()),
                (try? url.resourceValues(forKeys: Set(keys)).isRegularFile) == true
            else { continue }
            files.append(url.path)
        }
        return files
    }

    /// The picture's samples, channels first; nil when it cannot be read or shows next to nothing.
    private static func load(_ file: String, _ shape: ImageShape) -> [UInt8]? {
        guard let data = FileManager.default.contents(atPath: file),
            let decoded = try? Image.decode([UInt8](data).span),
            // Enlarging a tiny icon makes blocks that nothing else in the set has.
            min(decoded.width, decoded.height) >= min(shape.width, shape.height) / 2,
            let scaled = try? decoded.flattened(over: 0).resized(
                width: shape.width, height: shape.height, by: .area),
            let picture = scaled.converted(toChannels: shape.channels)
        else { return nil }
        let low = Int(picture.samples.min() ?? 0), high = Int(picture.samples.max() ?? 0)
        guard high - low >= contrastMin else { return nil }
        let plane = shape.width * shape.height
        return (0..<shape.count).map { index in
            let sample = picture.samples[index % plane * shape.channels + index / plane]
            return UInt8((Int(sample) - low) * 255 / (high - low))
        }
    }

    private static let contrastMin = 16
}
