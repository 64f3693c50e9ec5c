/// Makes a request body of the route's protocol, for clients of a victim or a gateway.
///
/// What the decoder of the same format reads from it is the batch again, to within the rounding of the change of
/// range (exactly, where the range is −1…1). Levels of 8-bit pictures are the range's own numbers to the last bit, and
/// integers where the range makes them whole, as 0…255 does.
package struct QueryEncoder: Sendable {
    /// What the endpoint expects.
    package let format: QueryFormat

    /// The two forms of a TensorFlow Serving request; the raw value is the name of the list.
    package enum Form: String, CaseIterable, Sendable {
        /// A list of pictures, each under its name where there is one.
        case rows = "instances"
        /// One tensor of all pictures, under its name where there is one.
        case columns = "inputs"
    }

    /// An encoder for `format`, which has no problems.
    package init(_ format: QueryFormat) {
        precondition(format.problems.isEmpty, "the format was validated")
        self.format = format
    }

    /// The body that asks for all rows of `batch`, whose shape is the format's; `form` is TensorFlow Serving's alone.
    package func body(_ batch: QueryBatch, form: Form = .rows) -> [UInt8] {
        precondition(batch.shape == format.shape, "the batch has the format's shape")
        guard format.wireProtocol == .tensorFlowServing else { return openInferenceBody(batch) }
        var text: [UInt8] = []
        text.reserveCapacity(batch.values.count * 12)
        text += "{\"\(form.rawValue)\":".utf8
        let name = format.inputName.map(Self.quoted)
        if form == .columns, let name { text += "{\(name):".utf8 }
        text += "[".utf8
        for row in 0..<batch.rows {
            if row > 0 { text += ",".utf8 }
            if form == .rows, let name { text += "{\(name):".utf8 }
            append(row: batch.row(row), to: &text)
            if form == .rows, name != nil { text += "}".utf8 }
        }
        text += "]".utf8
        if form == .columns, name != nil { text += "}".utf8 }
        text += "}".utf8
        return text
    }

    /// One picture in the fully nested form of the layout.
    private func append(row: ArraySlice<Float>, to text: inout [UInt8]) {
        let order = WireOrder(format: format)
        let dimensions = order.dimensions
        for (wire, canonical) in order.canonicalIndices.enumerated() {
            if wire > 0 { text.append(UInt8(ascii: ",")) }
            append(bracket: UInt8(ascii: "["), at: wire, of: dimensions, to: &text)
            let value = format.range.wire(row[row.startIndex + canonical])
            JSONNumber.append(value, asWhole: format.range.levelsAreWhole, to: &text)
            append(bracket: UInt8(ascii: "]"), at: wire + 1, of: dimensions, to: &text)
        }
    }

    /// As many brackets as lists of `dimensions` begin or end before the number `index`.
    private func append(bracket: UInt8, at index: Int, of dimensions: [Int], to text: inout [UInt8]) {
        var block = 1
        for size in dimensions.reversed() {
            block *= size
            if index.isMultiple(of: block) { text.append(bracket) }
        }
    }

    /// `name` as a JSON string (RFC 8259 §7).
    static func quoted(_ name: String) -> String {
        var text = "\""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\\(scalar)"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
