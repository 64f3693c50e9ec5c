import Tensor

/// Why a request's pictures cannot be read. Offsets count bytes of the body from 0.
package enum DecodeError: Error, Hashable, Sendable {
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
}

/// What is wrong with JSON text.
package enum JSONFault: Hashable, Sendable {
    case endOfInput
    case unexpected(byte: UInt8)
    case badNumber
    case numberTooLong(most: Int)
    case badString
    case badEscape
    case badUTF8
    case duplicateKey(String)
    case tooDeep(most: Int)
    case tooManyKeys(most: Int)
    case keyTooLong(most: Int)
    case trailingBytes
    case notFiniteLiteral
}
