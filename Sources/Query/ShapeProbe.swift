/// Measures a value that is not of the expected shape, for the message that says so.
enum ShapeProbe {
    /// What was measured.
    enum Shape: Hashable, CustomStringConvertible {
        /// Something other than a list.
        case scalar(JSONKind)
        /// Lists of equal lengths at each level, outermost first.
        case lists([Int])
        /// Lists whose elements differ in shape.
        case ragged

        var description: String {
            switch self {
            case .scalar(let kind): kind.rawValue
            case .lists(let sizes): sizes.map { "[\($0)]" }.joined()
            case .ragged: "a list of elements that differ in shape"
            }
        }
    }

    /// The shape of the value at the scanner, which moves past it. Throws: where it is not JSON.
    static func measure<E>(_ scanner: inout JSONScanner<E>, depth: Int = 0) throws(E) -> Shape {
        guard depth < JSONScanner<E>.depthMax else {
            throw scanner.failure(.tooDeep(most: JSONScanner<E>.depthMax))
        }
        guard scanner.take(UInt8(ascii: "[")) else {
            guard let kind = scanner.kindOfValue else { throw scanner.unexpected }
            if kind == .notFinite { throw scanner.failure(.notFiniteLiteral) }
            try scanner.skipValue(depth: depth)
            return .scalar(kind)
        }
        var count = 0
        var common: Shape?
        var isRagged = false
        var isFirst = true
        while try scanner.nextElement(isFirst: &isFirst) {
            let shape = try measure(&scanner, depth: depth + 1)
            count += 1
            if let common, common != shape { isRagged = true }
            common = common ?? shape
        }
        if isRagged || common == .ragged { return .ragged }
        if case .lists(let inner) = common { return .lists([count] + inner) }
        return .lists([count])
    }
}

/// The kinds of JSON values, in words for messages.
enum JSONKind: String, Hashable {
    case object = "an object"
    case list = "a list"
    case text = "a string"
    case number = "a number"
    case truth = "true or false"
    case null = "null"
    case notFinite = "NaN or Infinity"
}

extension JSONScanner {
    /// The kind of the value at the scanner by its first byte; nil where none begins.
    var kindOfValue: JSONKind? {
        guard position < end else { return nil }
        if isAtNonFinite { return .notFinite }
        return switch base[position] {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .list
        case UInt8(ascii: "\""): .text
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .truth
        case UInt8(ascii: "n"): .null
        default: nil
        }
    }
}
