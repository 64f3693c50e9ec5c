import Foundation

/// A file in the IDX format of MNIST and its relatives, of unsigned bytes, plain or gzipped.
///
/// **Source** the format's own description: two zero bytes, a type (8 is unsigned byte), the number of
/// dimensions, each dimension as a big-endian 32-bit number, then the values, the last dimension fastest.
package struct IDXFile: Sendable {
    /// The extents, outermost first.
    package let dimensions: [Int]
    /// The values, the last dimension fastest.
    package let bytes: [UInt8]

    /// The most data one file may announce; a header is checked against it before anything is allocated.
    package static let bytesMax = 8 << 30

    /// Reads a whole file strictly: a header that is not IDX, a file shorter or longer than its header says,
    /// and a damaged gzip stream are errors.
    package init(contentsOf path: String, bytesMax: Int = Self.bytesMax) throws(DataError) {
        let file = try InflatedFile(path)
        let magic = try file.read(4)
        guard magic[0] == 0, magic[1] == 0 else {
            throw .notIDX(path: path, reason: "it does not begin with two zero bytes")
        }
        guard magic[2] == 8 else {
            throw .notIDX(
                path: path, reason: "its values are of type \(magic[2]); only 8, unsigned bytes, is read")
        }
        guard (1...4).contains(magic[3]) else {
            throw .notIDX(path: path, reason: "it has \(magic[3]) dimensions; 1 to 4 are read")
        }
        let sizes = try file.read(4 * Int(magic[3]))
        dimensions = stride(from: 0, to: sizes.count, by: 4).map { start in
            sizes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        bytes = try file.read(try Self.byteCount(dimensions, path, bytesMax))
        try file.expectEnd()
    }

    /// True when the file's name is one that IDX files have: it holds `-idx` or `.idx`, or ends in `ubyte`.
    package static func isNamedSo(_ path: String) -> Bool {
        let name = (path as NSString).lastPathComponent.lowercased()
        return name.contains("-idx") || name.contains(".idx") || name.contains("ubyte")
    }

    /// True when the file begins as IDX files do: with two zero bytes, inflated where it is gzipped.
    static func beginsSo(_ path: String) throws(DataError) -> Bool {
        try InflatedFile(path).read(2) == [0, 0]
    }

    private static func byteCount(
        _ dimensions: [Int], _ path: String, _ bytesMax: Int
    ) throws(DataError) -> Int {
        var count = 1
        for size in dimensions {
            guard size > 0 else { throw .notIDX(path: path, reason: "a dimension is 0") }
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow, product <= bytesMax else {
                throw .tooLarge(path: path, bytes: overflow ? .max : product, bytesMax: bytesMax)
            }
            count = product
        }
        return count
    }
}
