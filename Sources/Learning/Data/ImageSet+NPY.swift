import Tensor

extension ImageSet {
    /// Images of an npy file with dimensions (count, height, width) or (count, height, width, channels), bytes or floats in 0…1,
    /// which are rounded to bytes.
    package init(npy path: String) throws(DataError) {
        let file = try NPYFile(contentsOf: path)
        let extents = file.shape
        guard extents.count == 3 || extents.count == 4 else {
            throw .notImages(path: path, dimensions: extents.count)
        }
        guard !extents.contains(0) else { throw .noImages(path: path) }
        if extents.count == 4, Self.areChannels(extents[1]), !Self.areChannels(extents[3]) {
            throw .npyImages(
                path: path,
                reason:
                    "its shape (\(extents.map(String.init).joined(separator: ", "))) looks like N×C×H×W; give N×H×W×C, "
                    + "a.transpose(0,2,3,1)")
        }
        let shape = ImageShape(
            channels: extents.count == 4 ? extents[3] : 1, height: extents[1], width: extents[2])
        self.init(
            shape: shape, bytes: Self.channelsFirst(try Self.bytes(file.values, path), shape))
    }

    /// Grey or colour.
    private static func areChannels(_ extent: Int) -> Bool { extent == 1 || extent == 3 }

    private static func bytes(_ values: NPYFile.Values, _ path: String) throws(DataError) -> [UInt8] {
        switch values {
        case .bytes(let values): return values
        case .integers:
            throw .npyImages(
                path: path,
                reason:
                    "its values are whole numbers of more than a byte; images are unsigned bytes (uint8, 0…255) or floats in "
                    + "0…1: a.astype('uint8') makes bytes of what lies in 0…255")
        case .floats(let values):
            guard values.allSatisfy({ $0 >= 0 && $0 <= 1 }) else {
                throw .npyImages(path: path, reason: reason(values))
            }
            return values.map { UInt8(($0 * 255).rounded()) }
        }
    }

    /// What is wrong with floats that are not all in 0…1.
    private static func reason(_ values: [Double]) -> String {
        let expected = "images are floats in 0…1 or unsigned bytes (uint8, 0…255)"
        guard values.allSatisfy(\.isFinite), let low = values.min(), let high = values.max() else {
            return "it has values that are no finite numbers; \(expected)"
        }
        let found = "its floats run from \(Float(low)) to \(Float(high)); \(expected)"
        guard low < 0 else {
            return found + ": divide by the value of white, or a.astype('uint8') what is in 0…255"
        }
        return found + ": undo what standardised them, such as a * deviation + mean"
    }
}
