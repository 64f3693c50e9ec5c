import Foundation
import SAME
import Tensor

/// An array in NumPy's file format, versions 1 and 2, plain or gzipped: unsigned bytes, whole numbers of 4 or 8 bytes, Float32
/// or Float64, all little-endian, the last dimension fastest.
///
/// **Source** NumPy's own description (NEP 1): six bytes of magic, two of version, the header's length, the header as a
/// Python dictionary of `descr`, `fortran_order` and `shape`, then the values.
package struct NPYFile: Sendable {
    /// The values, as they stand in the file.
    package enum Values: Sendable, Equatable {
        case bytes([UInt8])
        case integers([Int64])
        case floats([Double])
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
        var count = header.element.bytes
        for extent in header.shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard !overflow, product <= bytesMax else {
                throw .tooLarge(path: path, bytes: overflow ? .max : product, bytesMax: bytesMax)
            }
            count = product
        }
        let bytes = try file.read(count)
        try file.expectEnd()
        values = Self.values(bytes, header.element)
    }

    /// True when the file's name is one that NumPy's files have.
    package static func isNamedSo(_ path: String) -> Bool {
        let name = path.lowercased()
        return name.hasSuffix(".npy") || name.hasSuffix(".npy.gz")
    }

    private static func values(_ bytes: [UInt8], _ element: Element) -> Values {
        func read<Word: FixedWidthInteger, Value>(_: Word.Type, _ make: (Word) -> Value) -> [Value] {
            bytes.withUnsafeBytes { raw in
                stride(from: 0, to: raw.count, by: MemoryLayout<Word>.size).map { at in
                    make(Word(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: Word.self)))
                }
            }
        }
        return switch element {
        case .byte: .bytes(bytes)
        case .int32: .integers(read(Int32.self) { Int64($0) })
        case .int64: .integers(read(Int64.self) { $0 })
        case .float32: .floats(read(UInt32.self) { Double(Float(bitPattern: $0)) })
        case .float64: .floats(read(UInt64.self) { Double(bitPattern: $0) })
        }
    }

    /// The types that are read, as headers name them.
    enum Element: String, CaseIterable {
        case byte = "|u1"
        case int32 = "<i4"
        case int64 = "<i8"
        case float32 = "<f4"
        case float64 = "<f8"

        /// The size of a value.
        var bytes: Int {
            switch self {
            case .byte: 1
            case .int32, .float32: 4
            case .int64, .float64: 8
            }
        }

        /// The type that a header names, in quotes; a byte has no order, so that it may be said with any.
        init?(_ text: String) {
            let name = text.trimmingCharacters(in: ["'"])
            self.init(rawValue: name == "u1" || name == "<u1" ? Self.byte.rawValue : name)
        }
    }
}

/// The dictionary of an npy header.
struct NPYHeader {
    let element: NPYFile.Element
    let shape: [Int]

    /// Reads `{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }` and nothing freer than that.
    init(parsing bytes: [UInt8], path: String) throws(DataError) {
        func fail(_ reason: String) -> DataError { .notNPY(path: path, reason: reason) }
        let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard text.hasPrefix("{"), text.hasSuffix("}") else { throw fail("its header is no dictionary") }
        guard let type = Self.value(of: "descr", in: text) else { throw fail("its header names no type") }
        guard let element = NPYFile.Element(type) else {
            let known = NPYFile.Element.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
            throw fail("its values are of type \(type); \(known) are read")
        }
        self.element = element
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

extension Labels {
    /// Labels of a one-dimensional npy file of bytes or of whole numbers from 0 to 255, for as many images.
    package init(npy path: String, images: Int, classes: Int? = nil) throws(DataError) {
        let file = try NPYFile(contentsOf: path)
        guard file.shape.count == 1 else { throw .notLabels(path: path, dimensions: file.shape.count) }
        let bytes: [UInt8]
        switch file.values {
        case .bytes(let values): bytes = values
        case .integers(let values):
            guard let all = values.map({ UInt8(exactly: $0) }) as? [UInt8] else {
                throw .notNPY(path: path, reason: "it has a label outside 0…255")
            }
            bytes = all
        case .floats: throw .notNPY(path: path, reason: "labels must be whole numbers")
        }
        try self.init(bytes: bytes, path: path, images: images, classes: classes)
    }
}
