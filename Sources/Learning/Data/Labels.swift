import SAME

/// One class a training image.
package struct Labels: Hashable, Sendable {
    /// The class of each image.
    package let values: [Int]
    /// The number of classes.
    package let classes: Int

    /// Labels below `classes`. Traps otherwise.
    package init(values: [Int], classes: Int) {
        precondition(values.allSatisfy { (0..<classes).contains($0) })
        self.values = values
        self.classes = classes
    }

    /// Labels of a one-dimensional IDX file, for as many images; the number of classes is one more than the
    /// largest unless it is given.
    package init(idx path: String, images: Int, classes: Int? = nil) throws(DataError) {
        let file = try IDXFile(contentsOf: path)
        guard file.dimensions.count == 1 else {
            throw .notLabels(path: path, dimensions: file.dimensions.count)
        }
        try self.init(bytes: file.bytes, path: path, images: images, classes: classes)
    }

    /// One label a byte, for as many images.
    init(bytes: [UInt8], path: String, images: Int, classes: Int?) throws(DataError) {
        guard bytes.count == images else {
            throw .countMismatch(images: images, others: bytes.count, path: path)
        }
        let count = classes ?? Int(bytes.max() ?? 0) + 1
        if let index = bytes.firstIndex(where: { Int($0) >= count }) {
            throw .labelOutOfRange(path: path, index: index, label: Int(bytes[index]), classes: count)
        }
        self.init(values: bytes.map(Int.init), classes: max(count, 2))
    }
}
