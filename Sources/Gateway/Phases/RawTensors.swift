import HTTPWire

/// The field that says how much of a body is JSON where raw tensors follow it: the Open Inference Protocol's binary tensor extension.
enum RawTensors {
    /// The field's name.
    static let name = "Inference-Header-Content-Length"
    private static let lowerName: StaticString = "inference-header-content-length"

    /// How many bytes are JSON; nil where the field is absent, and all are.
    ///
    /// **Throws** where the field is not one whole number: who reads it otherwise would read another query in the same bytes.
    static func jsonBytes(_ fields: HeaderList) throws(RawTensorsError) -> Int? {
        guard fields.contains(lowerName) else { return nil }
        let values = fields.values(lowerName)
        // Far more digits than any body's length has, and no overflow.
        guard values.count == 1, let count = values.first, (1...15).contains(count.utf8.count),
            count.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let bytes = Int(count)
        else { throw RawTensorsError() }
        return bytes
    }
}

/// The field is there and says nothing.
struct RawTensorsError: Error, CustomStringConvertible {
    var description: String { "the field \(RawTensors.name) is not one whole number" }
}
