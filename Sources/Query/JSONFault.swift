/// What is wrong with JSON text, or which bound it exceeds.
package enum JSONFault: Hashable, Sendable {
    /// The text ends inside a value.
    case endOfInput
    /// A byte that the grammar does not allow here.
    case unexpected(byte: UInt8)
    /// Not a number of RFC 8259 §6: a leading zero or plus, a point or exponent without digits.
    case badNumber
    /// A number longer than any reader needs.
    case numberTooLong(most: Int)
    /// A control character inside a string.
    case badString
    /// An unknown escape, or half of a surrogate pair.
    case badEscape
    /// Bytes that are not UTF-8.
    case badUTF8
    /// A name that its object already has: readers differ in which one counts.
    case duplicateKey(String)
    /// Lists and objects nested deeper than the bound.
    case tooDeep(most: Int)
    /// More names in one object than the bound.
    case tooManyKeys(most: Int)
    /// A name longer than the bound.
    case keyTooLong(most: Int)
    /// Something after the end of the value.
    case trailingBytes
    /// `NaN` or `Infinity`, which JSON does not have.
    case notFiniteLiteral

    /// The fault in words, to follow "at byte N".
    package var reason: String {
        switch self {
        case .endOfInput: "the text ends inside a value"
        case .unexpected(let byte): "unexpected \(Self.name(of: byte))"
        case .badNumber: "not a JSON number"
        case .numberTooLong(let most): "a number of more than \(most) characters"
        case .badString: "a control character inside a string"
        case .badEscape: "an escape that JSON does not have, or half of a surrogate pair"
        case .badUTF8: "bytes that are not UTF-8"
        case .duplicateKey(let key): "the key \"\(key)\" a second time"
        case .tooDeep(let most): "values nested deeper than \(most)"
        case .tooManyKeys(let most): "more than \(most) keys in one object"
        case .keyTooLong(let most): "a key of more than \(most) bytes"
        case .trailingBytes: "text after the end of the value"
        case .notFiniteLiteral: "NaN or Infinity, which JSON does not have"
        }
    }

    private static func name(of byte: UInt8) -> String {
        (0x21...0x7e).contains(byte)
            ? "'\(Character(UnicodeScalar(byte)))'" : "byte 0x\(String(byte, radix: 16))"
    }
}

/// An error that a JSON fault can be a case of, so that each reader throws its own closed enumeration.
protocol JSONReadingError: Error {
    static func notJSON(_ fault: JSONFault, offset: Int) -> Self
}
