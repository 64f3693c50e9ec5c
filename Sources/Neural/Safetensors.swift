import Tensor

/// The contents of a safetensors file: named tensors and a map of strings.
///
/// **Source**: the format's description in the safetensors repository: eight bytes of header length, little
/// endian; a JSON header; the tensors' bytes without gap or overlap.
package struct Safetensors: Equatable, Sendable {
    package var tensors: StateDict
    package var metadata: [String: String]
    /// The names of tensors that were integers in the file: counters, not weights.
    package private(set) var integers: Set<String> = []

    package init(tensors: StateDict, metadata: [String: String] = [:]) {
        self.tensors = tensors
        self.metadata = metadata
    }

    /// The longest header read. A tensor's entry takes about 100 bytes, so this is some 80,000 tensors.
    package static let headerBytesMax = 8 << 20

    /// Parses a file's bytes, strictly; whatever is wrong is thrown and nothing is returned.
    package init(bytes: [UInt8]) throws(SafetensorsError) {
        guard bytes.count >= 8 else { throw .truncated(expectedBytes: 8, foundBytes: bytes.count) }
        let length = bytes[0..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(Self.headerBytesMax) else {
            throw .headerTooLong(bytes: length, bytesMax: Self.headerBytesMax)
        }
        let start = 8 + Int(length)
        guard start <= bytes.count else { throw .truncated(expectedBytes: start, foundBytes: bytes.count) }
        let header = try SafetensorsHeader(parsing: bytes[8..<start])
        metadata = header.metadata
        tensors = try Self.tensors(header.entries, in: bytes[start...])
        integers = Set(header.entries.filter { $0.type == ElementType.int64.rawValue }.map(\.name))
    }

    private static func tensors(
        _ entries: [SafetensorsHeader.Entry], in data: ArraySlice<UInt8>
    ) throws(SafetensorsError) -> StateDict {
        var tensors: StateDict = [:]
        var end = 0
        for entry in entries.sorted(by: { ($0.offsets[0], $0.offsets[1]) < ($1.offsets[0], $1.offsets[1]) }) {
            guard let type = ElementType(rawValue: entry.type) else {
                throw .unsupportedType(name: entry.name, type: entry.type)
            }
            let count = try checkedCount(entry, type)
            guard entry.offsets[1] <= data.count else {
                throw .truncated(
                    expectedBytes: data.startIndex + entry.offsets[1],
                    foundBytes: data.startIndex + data.count)
            }
            guard entry.offsets[0] == end else { throw .overlapOrGap(name: entry.name) }
            end = entry.offsets[1]
            let place = data.startIndex + entry.offsets[0]
            let values = type.decode(data, from: place, count: count)
            tensors[entry.name] = Tensor(shape: entry.shape, values: values)
        }
        guard end == data.count else { throw .overlapOrGap(name: "the end of the file") }
        return tensors
    }

    /// The number of values by the shape, if the range holds just as many.
    private static func checkedCount(
        _ entry: SafetensorsHeader.Entry, _ type: ElementType
    ) throws(SafetensorsError) -> Int {
        var count = 1
        for extent in entry.shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard !overflow, product < 1 << 48 else {
                throw .badRange(name: entry.name, reason: "is too large")
            }
            count = product
        }
        guard entry.offsets[0] <= entry.offsets[1] else {
            throw .badRange(name: entry.name, reason: "ends before it begins")
        }
        guard entry.offsets[1] - entry.offsets[0] == count * type.size else {
            let found = entry.offsets[1] - entry.offsets[0]
            throw .badRange(
                name: entry.name, reason: "has \(found) bytes, but its shape needs \(count * type.size)")
        }
        return count
    }

    /// The file's bytes: tensors in order of name as F32, so equal contents give equal files.
    package var bytes: [UInt8] {
        let sorted = tensors.sorted { $0.key < $1.key }
        var header = "{"
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map {
                "\(SafetensorsHeader.quoted($0.key)):\(SafetensorsHeader.quoted($0.value))"
            }
            header += "\"__metadata__\":{\(pairs.joined(separator: ","))}" + (sorted.isEmpty ? "" : ",")
        }
        var end = 0
        let entries = sorted.map { name, tensor in
            let start = end
            end += 4 * tensor.count
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            return SafetensorsHeader.quoted(name)
                + ":{\"dtype\":\"F32\",\"shape\":[\(shape)],\"data_offsets\":[\(start),\(end)]}"
        }
        header += entries.joined(separator: ",") + "}"
        // Readers that map the file want the data aligned.
        header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        return Self.file(header, sorted.map(\.value), dataBytes: end)
    }

    private static func file(_ header: String, _ tensors: [Tensor], dataBytes: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 + header.utf8.count + dataBytes)
        bytes += (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) }
        bytes += header.utf8
        for tensor in tensors {
            let words = tensor.values.map { $0.bitPattern.littleEndian }
            words.withUnsafeBytes { bytes += $0 }
        }
        return bytes
    }
}

extension Safetensors {
    /// The element types that can be read.
    private enum ElementType: String {
        case float32 = "F32"
        case float16 = "F16"
        case bfloat16 = "BF16"
        /// Counters such as BatchNorm's `num_batches_tracked`; rounded to Float32.
        case int64 = "I64"

        var size: Int {
            switch self {
            case .float32: 4
            case .float16, .bfloat16: 2
            case .int64: 8
            }
        }

        func decode(_ bytes: ArraySlice<UInt8>, from start: Int, count: Int) -> [Float] {
            bytes.withUnsafeBytes { raw in
                let base = start - bytes.startIndex
                func word<Word: FixedWidthInteger>(_ index: Int, _: Word.Type) -> Word {
                    Word(littleEndian: raw.loadUnaligned(fromByteOffset: base + index * size, as: Word.self))
                }
                switch self {
                case .float32: return (0..<count).map { Float(bitPattern: word($0, UInt32.self)) }
                case .bfloat16:
                    return (0..<count).map { Float(bitPattern: UInt32(word($0, UInt16.self)) << 16) }
                case .float16: return (0..<count).map { Self.half(word($0, UInt16.self)) }
                case .int64: return (0..<count).map { Float(word($0, Int64.self)) }
                }
            }
        }

        /// IEEE 754 binary16 → binary32, without the type that not every platform has.
        private static func half(_ bits: UInt16) -> Float {
            let sign = UInt32(bits & 0x8000) << 16
            let exponent = UInt32(bits >> 10 & 0x1F)
            let fraction = UInt32(bits & 0x3FF)
            switch exponent {
            case 0:
                return Float(sign: sign == 0 ? .plus : .minus, exponent: -24, significand: Float(fraction))
            case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
            default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
            }
        }
    }
}
