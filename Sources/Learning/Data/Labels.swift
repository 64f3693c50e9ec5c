import SAME

/// One class a training image.
package struct Labels: Hashable, Sendable {
    /// The class of each image.
    package let values: [Int]
    /// The number of classes.
    package let classes: Int
    /// What the classes are called, by their numbers: their folders' names; nil where a file has numbers alone.
    package let names: [String]?

    /// Labels below `classes`, and where there are names below their number. Traps otherwise.
    package init(values: [Int], classes: Int, names: [String]? = nil) {
        precondition(values.allSatisfy { (0..<min(classes, names?.count ?? classes)).contains($0) })
        self.values = values
        self.classes = classes
        self.names = names
    }

    /// The same by the numbers that another set, read from elsewhere, has for the classes: folders are numbered in the order of
    /// their names, and a set that lacks one numbers all after it otherwise. Labels without names stay as they are.
    ///
    /// **Throws** where there are pictures of a class that the other set has not; `path` is where these are from.
    package func numbered(as other: Labels, path: String) throws(DataError) -> Labels {
        guard let names, let known = other.names else { return self }
        let places = Dictionary(uniqueKeysWithValues: known.enumerated().map { ($1, $0) })
        let unknown = Set(values).sorted().map { names[$0] }.filter { places[$0] == nil }
        guard unknown.isEmpty else { throw .unknownClasses(path: path, names: unknown, known: known) }
        return Labels(values: values.map { places[names[$0]] ?? 0 }, classes: other.classes, names: known)
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
