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
        guard file.bytes.count == images else {
            throw .countMismatch(images: images, others: file.bytes.count, path: path)
        }
        let count = classes ?? Int(file.bytes.max() ?? 0) + 1
        if let index = file.bytes.firstIndex(where: { Int($0) >= count }) {
            throw .labelOutOfRange(path: path, index: index, label: Int(file.bytes[index]), classes: count)
        }
        self.init(values: file.bytes.map(Int.init), classes: max(count, 2))
    }
}
