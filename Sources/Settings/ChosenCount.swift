/// A number that the program may choose.
package enum ChosenCount: Sendable, Equatable {
    /// What suits the machine or the model.
    case automatic
    /// So many.
    case exactly(Int)

    /// The number, or what suits where it is left to the program.
    package func resolved(_ suitable: @autoclosure () -> Int) -> Int {
        switch self {
        case .automatic: suitable()
        case .exactly(let count): count
        }
    }
}

extension Kind where Value == ChosenCount {
    /// `auto`, or a whole number within bounds.
    static func count(in range: ClosedRange<Int>) -> Kind {
        let number = Kind<Int>.integer(in: range)
        return Kind(
            name: "integer or auto", bounds: "auto, or \(number.bounds)", sample: .automatic,
            render: {
                switch $0 {
                case .automatic: "auto"
                case .exactly(let count): number.render(count)
                }
            },
            read: { reading in
                if case .scalar(let scalar) = reading.node, scalar.string == "auto" { return .automatic }
                return number.read(reading).map(ChosenCount.exactly)
            })
    }
}
