/// Numbers that stand in a body as they do in memory: little-endian, without gaps.
struct AnswerTensor: Hashable, Sendable {
    /// Their type.
    let datatype: TensorDatatype
    /// The offset of the first.
    let start: Int
    /// How many there are.
    let count: Int

    /// How many bytes they take.
    var byteCount: Int { count * datatype.byteCount }

    /// The numbers, rounded to Float; infinite where too large for one.
    func values(in body: [UInt8]) -> [Float] {
        precondition(start >= 0 && start + byteCount <= body.count, "the tensor is in the body")
        return body.withUnsafeBytes { bytes in
            Array(unsafeUninitializedCapacity: count) { buffer, filled in
                buffer.initialize(repeating: 0)
                RawNumbers.read(
                    UnsafeRawBufferPointer(rebasing: bytes[start..<start + byteCount]), as: datatype,
                    into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
                filled = count
            }
        }
    }

    /// Replaces the numbers from `first` on by `values`, in a body where the tensor begins at `start`. What is
    /// too large for the type becomes its largest number. Only for types that hold more than whole numbers.
    func write(_ values: [Float], from first: Int, in body: inout [UInt8], start: Int) {
        precondition(!datatype.isInteger && first >= 0 && first + values.count <= count, "within the tensor")
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * datatype.byteCount)
        for value in values { RawNumbers.append(value, as: datatype, to: &bytes) }
        let place = start + first * datatype.byteCount
        body.replaceSubrange(place..<place + bytes.count, with: bytes)
    }
}
