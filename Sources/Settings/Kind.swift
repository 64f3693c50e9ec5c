/// What one value of the configuration may be: how it is read, how it is named, and how it is printed.
///
/// Kinds are combined (`.list(of: .method)`), and each carries what the reference prints, so that a document can promise
/// only what a reader accepts.
struct Kind<Value> {
    /// The type's name in the reference.
    let name: String
    /// Bounds and form in the reference; may be empty.
    let bounds: String
    /// Stands in for a value that could not be read, so that reading goes on to the next mistake.
    let sample: Value
    /// Prints a value as the configuration would spell it.
    let render: (Value) -> String
    /// Reads a value, or records what is wrong with it and returns nil.
    let read: (Reading) -> Value?
}

extension Kind {
    /// A list of values, each of the given kind.
    static func list<Element>(of kind: Kind<Element>, count: ClosedRange<Int>) -> Kind
    where Value == [Element] {
        let bounds =
            "\(count.lowerBound)–\(count.upperBound) of: \(kind.bounds.isEmpty ? kind.name : kind.bounds)"
        return Kind(
            name: "list of \(kind.name)", bounds: bounds, sample: [],
            render: { "[" + $0.map(kind.render).joined(separator: ", ") + "]" },
            read: { reading in
                guard let elements = reading.elements(expected: "a list of \(kind.name)") else { return nil }
                guard count.contains(elements.count) else {
                    return reading.complain(
                        "needs \(count.lowerBound) to \(count.upperBound) elements; has \(elements.count)")
                }
                let values = elements.map(kind.read)
                return values.contains { $0 == nil } ? nil : values.compactMap { $0 }
            })
    }

    /// Two values of the given kind, the first below the second, written `[first, second]`.
    static func span<Bound>(of kind: Kind<Bound>) -> Kind
    where Value == ClosedRange<Bound>, Bound: Comparable {
        Kind(
            name: "[\(kind.name), \(kind.name)]", bounds: "ascending; \(kind.bounds)",
            sample: kind.sample...kind.sample,
            render: { "[\(kind.render($0.lowerBound)), \(kind.render($0.upperBound))]" },
            read: { reading in
                guard let elements = reading.elements(expected: "two values, [low, high]") else { return nil }
                guard elements.count == 2 else {
                    return reading.complain("needs two values, [low, high]; has \(elements.count)")
                }
                guard let low = kind.read(elements[0]), let high = kind.read(elements[1]) else { return nil }
                guard low < high else {
                    return reading.complain(
                        "is [\(kind.render(low)), \(kind.render(high))]; the first must be the smaller"
                    )
                }
                return low...high
            })
    }

    /// One of an enumeration's names.
    static func choice(_ type: Value.Type = Value.self) -> Kind
    where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
        let names = Value.allCases.map(\.rawValue)
        let listed = names.joined(separator: ", ")
        return Kind(
            name: "choice", bounds: listed, sample: Value.allCases[Value.allCases.startIndex],
            render: \.rawValue,
            read: { reading in
                guard let text = reading.text(expected: "one of \(listed)") else { return nil }
                if let value = Value(rawValue: text) { return value }
                return reading.complain(
                    "'\(excerpt(text))' is none of \(listed)\(didYouMean(text, among: names))")
            })
    }
}
