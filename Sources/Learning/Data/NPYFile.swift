import Foundation
import SAME
import Tensor

/// An array in NumPy's file format, versions 1 and 2, plain or gzipped: unsigned bytes or little-endian Float32, the last
/// dimension fastest.
///
/// **Source** NumPy's own description (NEP 1): six bytes of magic, two of version, the header's length, the header as a
/// Python dictionary of `descr`, `fortran_order` and `shape`, then the values.
package struct NPYFile: Sendable {
    /// The values, as they stand in the file.
    package enum Values: Sendable, Equatable {
        case bytes([UInt8])
        case floats([Float])
    }

    /// Outermost first.
    package let shape: [Int]
    package let values: Values

    private static let headerBytesMax = 1 << 16

    /// Reads a whole file strictly: any other type or order, a shape that the data does not fill, and anything after it are
    /// errors.
    package init(contentsOf path: String, bytesMax: Int = IDXFile.bytesMax) throws(DataError) {
        let file = try InflatedFile(path)
        let magic = try file.read(8)
        guard magic.starts(with: [0x93] + Array("NUMPY".utf8)) else {
            throw .notNPY(path: path, reason: "it does not begin as NumPy's files do")
        }
        guard magic[6] == 1 || magic[6] == 2, magic[7] == 0 else {
            throw .notNPY(
                path: path, reason: "it is of version \(magic[6]).\(magic[7]); 1.0 and 2.0 are read")
        }
        let length = try file.read(magic[6] == 1 ? 2 : 4).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= Self.headerBytesMax else {
            throw .notNPY(path: path, reason: "its header is longer than \(Self.headerBytesMax) bytes")
        }
        let header = try NPYHeader(parsing: try file.read(length), path: path)
        shape = header.shape
        var count = header.isFloat ? 4 : 1
        for extent in header.shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard !overflow, product <= bytesMax else {
                throw .tooLarge(path: path, bytes: overflow ? .max : product, bytesMax: bytesMax)
            }
            count = product
        }
        let bytes = try file.read(count)
        try file.expectEnd()
        values = header.isFloat ? .floats(Self.floats(bytes)) : .bytes(bytes)
    }

    /// True when the file's name is one that NumPy's files have.
    package static func isNamedSo(_ path: String) -> Bool {
        let name = path.lowercased()
        return name.hasSuffix(".npy") || name.hasSuffix(".npy.gz")
    }

    private static func floats(_ bytes: [UInt8]) -> [Float] {
        bytes.withUnsafeBytes { raw in
            stride(from: 0, to: raw.count, by: 4).map { at in
                Float(
                    bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
            }
        }
    }
}

/// The dictionary of an npy header.
struct NPYHeader {
    let isFloat: Bool
    let shape: [Int]

    /// Reads `{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }` and nothing freer than that.
    init(parsing bytes: [UInt8], path: String) throws(DataError) {
        func fail(_ reason: String) -> DataError { .notNPY(path: path, reason: reason) }
        let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard text.hasPrefix("{"), text.hasSuffix("}") else { throw fail("its header is no dictionary") }
        guard let type = Self.value(of: "descr", in: text) else { throw fail("its header names no type") }
        switch type {
        case "'|u1'", "'u1'", "'<u1'": isFloat = false
        case "'<f4'": isFloat = true
        default: throw fail("its values are of type \(type); '|u1' and '<f4' are read")
        }
        guard Self.value(of: "fortran_order", in: text) == "False" else {
            throw fail("its first dimension is the fastest; save it with order='C'")
        }
        guard let sizes = Self.value(of: "shape", in: text), sizes.hasPrefix("("), sizes.hasSuffix(")") else {
            throw fail("its header has no shape")
        }
        var shape: [Int] = []
        let parts = sizes.dropFirst().dropLast().split(separator: ",", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            let digits = part.trimmingCharacters(in: .whitespaces)
            if digits.isEmpty, index == parts.count - 1 { continue }
            guard let extent = Int(digits), extent >= 0, digits.first != "+" else {
                throw fail("its shape \(sizes) cannot be read")
            }
            shape.append(extent)
        }
        self.shape = shape
    }

    /// The text of a key's value: up to the next comma outside parentheses and quotes.
    private static func value(of key: String, in text: String) -> String? {
        guard let found = text.range(of: "'\(key)':") else { return nil }
        var depth = 0
        var value = ""
        for character in text[found.upperBound...] {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if depth == 0, character == "," || character == "}" { break }
            value.append(character)
        }
        return value.trimmingCharacters(in: .whitespaces)
    }
}

extension ImageSet {
    /// Images of an npy file with dimensions (count, height, width) or (count, height, width, channels), bytes or Float32 in
    /// 0…1, which are rounded to bytes.
    package init(npy path: String) throws(DataError) {
        let file = try NPYFile(contentsOf: path)
        guard file.shape.count == 3 || file.shape.count == 4 else {
            throw .notImages(path: path, dimensions: file.shape.count)
        }
        guard !file.shape.contains(0) else { throw .noImages(path: path) }
        let bytes: [UInt8]
        switch file.values {
        case .bytes(let values): bytes = values
        case .floats(let values):
            guard values.allSatisfy({ $0 >= 0 && $0 <= 1 }) else {
                throw .notNPY(path: path, reason: "it has a value outside 0…1")
            }
            bytes = values.map { UInt8(($0 * 255).rounded()) }
        }
        let shape = ImageShape(
            channels: file.shape.count == 4 ? file.shape[3] : 1, height: file.shape[1], width: file.shape[2])
        self.init(shape: shape, bytes: Self.channelsFirst(bytes, shape))
    }
}

extension Labels {
    /// Labels of a one-dimensional npy file of bytes, for as many images.
    package init(npy path: String, images: Int, classes: Int? = nil) throws(DataError) {
        let file = try NPYFile(contentsOf: path)
        guard file.shape.count == 1 else { throw .notLabels(path: path, dimensions: file.shape.count) }
        guard case .bytes(let bytes) = file.values else {
            throw .notNPY(path: path, reason: "labels must be unsigned bytes")
        }
        try self.init(bytes: bytes, path: path, images: images, classes: classes)
    }
}
