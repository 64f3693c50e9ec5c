/// Makes an answer body of a protocol: for a victim endpoint of one's own, and for tests.
package enum AnswerEncoder {
    /// TensorFlow Serving's answer to the row form: `{"predictions": [[…], …]}`, or to the column form:
    /// `{"outputs": [[…], …]}`. Shapes: values (rows, classes) row-major. What is not
    /// finite is spelt as TensorFlow Serving spells it, `NaN` and `Infinity`, which is not JSON; a reader refuses it.
    package static func tensorFlowServing(
        _ values: [Float], classes: Int, form: QueryEncoder.Form = .rows
    ) -> [UInt8] {
        precondition(classes > 0 && values.count.isMultiple(of: classes), "whole rows")
        var text = Array((form == .rows ? "{\"predictions\":[" : "{\"outputs\":[").utf8)
        text.reserveCapacity(values.count * 13 + 32)
        for (index, value) in values.enumerated() {
            let column = index % classes
            if index > 0 { text.append(UInt8(ascii: ",")) }
            if column == 0 { text.append(UInt8(ascii: "[")) }
            append(value, to: &text)
            if column == classes - 1 { text.append(UInt8(ascii: "]")) }
        }
        text += "]}".utf8
        return text
    }

    private static func append(_ value: Float, to text: inout [UInt8]) {
        if value.isFinite {
            JSONNumber.append(value, to: &text)
        } else if value.isNaN {
            text += "NaN".utf8
        } else {
            text += (value < 0 ? "-Infinity" : "Infinity").utf8
        }
    }
}
