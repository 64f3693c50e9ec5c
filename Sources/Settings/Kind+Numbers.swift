extension Kind where Value == Int {
    /// A whole decimal number within bounds.
    static func integer(in range: ClosedRange<Int>) -> Kind {
        Kind(
            name: "integer", bounds: extent(range, String.init), sample: range.lowerBound,
            render: String.init,
            read: { reading in
                let expected = "a whole number"
                guard let text = reading.plainText(expected: expected) else { return nil }
                if let complaint = numeralComplaint(text) { return reading.complain(complaint) }
                guard text.allSatisfy({ $0.isASCII && $0.isNumber || $0 == "-" }) else {
                    return reading.complain("expected \(expected), found '\(excerpt(text))'")
                }
                guard let value = Int(text), range.contains(value) else {
                    return reading.complain(
                        "\(excerpt(text)) is out of bounds; it must be \(extent(range, String.init))")
                }
                return value
            })
    }
}

extension Kind where Value == Double {
    /// A finite decimal number within bounds.
    static func number(in range: ClosedRange<Double>) -> Kind {
        Kind(
            name: "number", bounds: extent(range, plain), sample: range.lowerBound, render: plain,
            read: { reading in
                let expected = "a number"
                guard let text = reading.plainText(expected: expected) else { return nil }
                if let complaint = numeralComplaint(text) { return reading.complain(complaint) }
                guard let value = decimal(text) else {
                    return reading.complain("expected \(expected), found '\(excerpt(text))'")
                }
                guard range.contains(value) else {
                    return reading.complain(
                        "\(excerpt(text)) is out of bounds; it must be \(extent(range, plain))")
                }
                return value
            })
    }
}

extension Kind where Value == Bool {
    /// `true` or `false`; the other spellings of YAML 1.1 are refused because some parsers take them for text.
    static var boolean: Kind {
        Kind(
            name: "boolean", bounds: "true, false", sample: false, render: String.init,
            read: { reading in
                guard let text = reading.plainText(expected: "true or false") else { return nil }
                switch text {
                case "true": return true
                case "false": return false
                default: return reading.complain("expected true or false, found '\(excerpt(text))'")
                }
            })
    }
}

/// What is wrong with a numeral that another YAML reader might take for a different number; nil when nothing is.
func numeralComplaint(_ text: String) -> String? {
    let digits = text.drop { $0 == "-" || $0 == "+" }
    if text.hasPrefix("+") { return "'\(excerpt(text))': write the number without a plus sign" }
    if digits.contains("_"), digits.first?.isNumber == true {
        return "'\(excerpt(text))': write the number without underscores"
    }
    if digits.count > 1, digits.first == "0", let second = digits.dropFirst().first, second != ".",
        second != "e"
    {
        return "'\(excerpt(text))' looks octal or hexadecimal; write a decimal number without leading zeros"
    }
    return nil
}

/// The number a plain decimal numeral stands for; nil for anything else, infinities and NaN among it.
func decimal(_ text: some StringProtocol) -> Double? {
    guard let first = text.drop(while: { $0 == "-" }).first, first.isASCII, first.isNumber,
        text.allSatisfy({ $0.isASCII && ($0.isNumber || "+-.eE".contains($0)) }),
        let value = Double(String(text)), value.isFinite
    else { return nil }
    return value
}

/// A number without a trailing `.0`.
func plain(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
}

/// `low to high` as the reference prints it.
func extent<Bound>(_ range: ClosedRange<Bound>, _ render: (Bound) -> String) -> String {
    "\(render(range.lowerBound)) to \(render(range.upperBound))"
}
