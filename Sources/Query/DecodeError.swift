/// Why a request's pictures cannot be read. Offsets count bytes of the body from 0.
package enum DecodeError: JSONReadingError, Hashable, Sendable {
    /// Not the JSON of RFC 8259, or beyond a bound.
    case notJSON(JSONFault, offset: Int)
    /// The body is JSON but not an object.
    case notAnObject(offset: Int)
    /// Neither `instances` nor `inputs` is there.
    case noTensor
    /// Both `instances` and `inputs` are there.
    case bothForms(offset: Int)
    /// `signature_name` is not a string.
    case signatureNotText(offset: Int)
    /// The request asks another signature of the model than the route's.
    case otherSignature(name: String, expected: String)
    /// `instances`, or a column tensor, is not a list of rows.
    case notAList(key: String, offset: Int)
    /// There are no rows.
    case noRows
    /// There are more rows than the route allows.
    case tooManyRows(most: Int, offset: Int)
    /// An input of another name than the route's, or beside it.
    case unexpectedInput(name: String, expected: String?, offset: Int)
    /// A row or a column object without the route's input.
    case missingInput(expected: String?, offset: Int)
    /// The nested lists are not the model's picture.
    case shapeMismatch(row: Int, found: String, expected: String, offset: Int)
    /// Something other than a number where a pixel belongs.
    case notANumber(row: Int, found: String, offset: Int)
    /// A base64 value, which this route does not decode.
    case base64(row: Int, offset: Int)
    /// NaN or an infinity, bare or by overflow.
    case notFinite(row: Int, offset: Int)

    // Of the Open Inference Protocol alone.

    /// The bytes that are said to be JSON are none, or more than the body has.
    case jsonLength(found: Int, bodyBytes: Int)
    /// The body is not its JSON and its raw tensor, and nothing else.
    case bodyLength(found: Int, jsonBytes: Int, rawBytes: Int)
    /// A member is not what the protocol has there.
    case wrongMember(name: String, expected: String, offset: Int)
    /// The body has no `inputs`, or an empty list of them.
    case noInputs
    /// There are more inputs than the one that is scored.
    case tooManyInputs(offset: Int)
    /// The input lacks a member that it must have.
    case missingMember(name: String, offset: Int)
    /// A type that is not one of numbers, or that nothing here reads.
    case unknownDatatype(name: String, offset: Int)
    /// Another type than the route's.
    case otherDatatype(found: TensorDatatype, expected: TensorDatatype, offset: Int)
    /// The shape is not that of the model's pictures.
    case otherTensorShape(found: String, expected: String, offset: Int)
    /// The lists of numbers are not what the shape says.
    case dataMismatch(found: String, expected: String, offset: Int)
    /// Numbers both in the JSON and behind it.
    case bothData(offset: Int)
    /// Numbers neither in the JSON nor behind it.
    case noData(offset: Int)
    /// `binary_data_size` is not what the shape and the type come to.
    case rawSize(found: Int, expected: Int, offset: Int)
    /// A number that its type does not hold.
    case notOfDatatype(row: Int, datatype: TensorDatatype, offset: Int)
    /// The numbers, or the answer, would be in memory that is shared with the server.
    case sharedMemory(parameter: String, offset: Int)
    /// The answer would be classes in place of what the route says.
    case classification(offset: Int)
}

extension DecodeError: CustomStringConvertible {
    /// The reason that the client gets to read.
    package var reason: String {
        switch self {
        case .notJSON(let fault, let offset): "the body is not valid JSON at byte \(offset): \(fault.reason)"
        case .notAnObject(let offset): "the body is not a JSON object (byte \(offset))"
        case .noTensor: "the body has neither \"instances\" nor \"inputs\""
        case .bothForms(let offset):
            "the body has both \"instances\" and \"inputs\" (byte \(offset)); send one"
        case .signatureNotText(let offset): "\"signature_name\" is not a string (byte \(offset))"
        case .otherSignature(let name, let expected):
            "the signature \"\(name)\" is not served here; \"\(expected)\" is"
        case .notAList(let key, let offset): "\"\(key)\" is not a list of rows (byte \(offset))"
        case .noRows: "the request has no rows"
        case .tooManyRows(let most, let offset): "the request has more than \(most) rows (byte \(offset))"
        case .unexpectedInput(let name, let expected, let offset):
            "the input \"\(name)\" at byte \(offset) is not \(Self.inputName(expected))"
        case .missingInput(let expected, let offset):
            "the object before byte \(offset) lacks \(Self.inputName(expected))"
        case .shapeMismatch(let row, let found, let expected, let offset):
            // A shape is written [2][3]; what has none is named.
            found.hasPrefix("[")
                ? "row \(row) has the shape \(found) at byte \(offset); expected \(expected)"
                : "row \(row) is \(found) at byte \(offset); expected the shape \(expected)"
        case .notANumber(let row, let found, let offset):
            "row \(row) has \(found) for a number at byte \(offset)"
        case .base64(let row, let offset):
            "row \(row) has a base64 value at byte \(offset), which is not decoded here; send lists of numbers"
        case .notFinite(let row, let offset):
            "row \(row) has a value at byte \(offset) that is no finite 32-bit number"
        default: openInferenceReason
        }
    }

    /// The reason.
    package var description: String { reason }

    private static func inputName(_ name: String?) -> String {
        name.map { "the input \"\($0)\"" } ?? "the one input that all rows name alike"
    }
}
