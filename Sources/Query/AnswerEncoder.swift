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

    /// The Open Inference Protocol's answer with one output of 32-bit floats, all of it JSON:
    /// `{"model_name": …, "outputs": [{"name": …, "shape": [rows, classes], "datatype": "FP32", "data": [value, …]}]}`. Shapes: values
    /// (rows, classes) row-major. What is not finite is spelt as for TensorFlow Serving.
    package static func openInference(
        _ values: [Float], classes: Int, name: String = "probabilities", model: String
    ) -> [UInt8] {
        var text = openInferenceHead(values, classes: classes, name: name, model: model)
        text.reserveCapacity(text.count + values.count * 13 + 16)
        text += "\"data\":[".utf8
        for (index, value) in values.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            append(value, to: &text)
        }
        text += "]}]}".utf8
        return text
    }

    /// The same answer with the values raw, as the protocol's binary tensor extension has them: 32-bit floats, little-endian, after
    /// the JSON.
    package static func openInferenceBinary(
        _ values: [Float], classes: Int, name: String = "probabilities", model: String
    ) -> WireBody {
        var bytes = openInferenceHead(values, classes: classes, name: name, model: model)
        let raw = AnswerTensor(datatype: .float32, start: 0, count: values.count)
        bytes += "\"parameters\":{\"binary_data_size\":\(raw.byteCount)}}]}".utf8
        let jsonBytes = bytes.count
        bytes += [UInt8](repeating: 0, count: raw.byteCount)
        raw.write(values, from: 0, in: &bytes, start: jsonBytes)
        return WireBody(bytes: bytes, jsonBytes: jsonBytes)
    }

    /// The answer up to where its values are told.
    private static func openInferenceHead(
        _ values: [Float], classes: Int, name: String, model: String
    ) -> [UInt8] {
        precondition(classes > 0 && values.count.isMultiple(of: classes), "whole rows")
        var text = Array("{\"model_name\":".utf8)
        JSONString.append(model, to: &text)
        text += ",\"outputs\":[{\"name\":".utf8
        JSONString.append(name, to: &text)
        text += ",\"shape\":[\(values.count / classes),\(classes)],\"datatype\":\"FP32\",".utf8
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
