/// Numbers as raw tensors have them: little-endian, one after the other.
enum RawNumbers {
    /// Reads as many numbers of `datatype` as `floats` has room for, each as the Float nearest to it.
    ///
    /// `bytes` are exactly those of the numbers, and may begin anywhere.
    static func read(
        _ bytes: UnsafeRawBufferPointer, as datatype: TensorDatatype,
        into floats: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(bytes.count == floats.count * datatype.byteCount, "as many bytes as the numbers have")
        switch datatype {
        case .uint8: read(bytes, into: floats) { (bits: UInt8) in Float(bits) }
        case .uint16: read(bytes, into: floats) { (bits: UInt16) in Float(bits) }
        case .uint32: read(bytes, into: floats) { (bits: UInt32) in Float(bits) }
        case .uint64: read(bytes, into: floats) { (bits: UInt64) in Float(bits) }
        case .int8: read(bytes, into: floats) { (bits: Int8) in Float(bits) }
        case .int16: read(bytes, into: floats) { (bits: Int16) in Float(bits) }
        case .int32: read(bytes, into: floats) { (bits: Int32) in Float(bits) }
        case .int64: read(bytes, into: floats) { (bits: Int64) in Float(bits) }
        case .float16: read(bytes, into: floats) { (bits: UInt16) in Float(Float16(bitPattern: bits)) }
        case .float32: read(bytes, into: floats) { (bits: UInt32) in Float(bitPattern: bits) }
        case .float64: read(bytes, into: floats) { (bits: UInt64) in Float(Double(bitPattern: bits)) }
        }
    }

    @inline(__always)
    private static func read<Bits: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer, into floats: UnsafeMutableBufferPointer<Float>,
        _ value: (Bits) -> Float
    ) {
        for index in floats.indices {
            let bits = bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self)
            floats[index] = value(Bits(littleEndian: bits))
        }
    }

    /// Appends what `datatype` has nearest to `value`.
    static func append(_ value: Float, as datatype: TensorDatatype, to bytes: inout [UInt8]) {
        var bits = datatype.bits(nearestTo: value)
        for _ in 0..<datatype.byteCount {
            bytes.append(UInt8(truncatingIfNeeded: bits))
            bits >>= 8
        }
    }
}

extension TensorDatatype {
    /// The bits of the number that it has nearest to `value`, of integers in two's complement with the sign extended.
    func bits(nearestTo value: Float) -> UInt64 {
        switch self {
        case .uint8: UInt64(Self.integer(nearestTo: value) as UInt8)
        case .uint16: UInt64(Self.integer(nearestTo: value) as UInt16)
        case .uint32: UInt64(Self.integer(nearestTo: value) as UInt32)
        case .uint64: Self.integer(nearestTo: value)
        case .int8: UInt64(truncatingIfNeeded: Self.integer(nearestTo: value) as Int8)
        case .int16: UInt64(truncatingIfNeeded: Self.integer(nearestTo: value) as Int16)
        case .int32: UInt64(truncatingIfNeeded: Self.integer(nearestTo: value) as Int32)
        case .int64: UInt64(bitPattern: Self.integer(nearestTo: value) as Int64)
        case .float16: UInt64(Self.half(nearestTo: value).bitPattern)
        case .float32: UInt64(value.bitPattern)
        case .float64: Double(value).bitPattern
        }
    }

    /// Appends what it has nearest to `value`, which is finite, as JSON; `asWhole` as `JSONNumber` has it.
    func append(nearestTo value: Float, asWhole: Bool, to text: inout [UInt8]) {
        switch self {
        case .uint8, .uint16, .uint32, .uint64: text += bits(nearestTo: value).description.utf8
        case .int8, .int16, .int32, .int64: text += Int64(bitPattern: bits(nearestTo: value)).description.utf8
        case .float16: JSONNumber.append(Float(Self.half(nearestTo: value)), asWhole: asWhole, to: &text)
        case .float32, .float64: JSONNumber.append(value, asWhole: asWhole, to: &text)
        }
    }

    private static func integer<Integer: FixedWidthInteger>(nearestTo value: Float) -> Integer {
        let whole = value.rounded()
        // The greatest integers' Floats may be beyond them; what is no number becomes the least.
        guard whole > Float(Integer.min) else { return .min }
        return whole < Float(Integer.max) ? Integer(whole) : .max
    }

    private static func half(nearestTo value: Float) -> Float16 {
        let most = Float(Float16.greatestFiniteMagnitude)
        return Float16(max(-most, min(most, value)))
    }
}
