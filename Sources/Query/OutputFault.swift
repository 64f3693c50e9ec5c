/// What is wrong with one output of an answer of the Open Inference Protocol.
package enum OutputFault: Hashable, Sendable {
    /// Not an object.
    case notAnObject
    /// It lacks a member that every output has.
    case missing(String)
    /// A member that is not a string.
    case notText(String)
    /// Another output has the name too.
    case duplicateName
    /// The shape is not a list of whole numbers from 0.
    case notAShape
    /// The shape has more numbers than can be counted.
    case tooLarge
    /// `parameters` is not an object.
    case parametersNotAnObject
    /// `binary_data_size` is not a whole number from 0.
    case notASize
    /// Both `data` and `binary_data_size` are there.
    case twoKindsOfData
    /// Neither `data` nor `binary_data_size` is there.
    case noData
    /// `binary_data_size` is not what the shape and the datatype come to.
    case otherSize(found: Int, expected: Int)
    /// The lengths of raw texts do not come to `binary_data_size`, or not to the shape's number of them.
    case textLengths
    /// `data` is no list, or does not hold as many numbers as the shape says, flat or nested like it.
    case otherData
    /// A datatype that the protocol does not have, or that is not read here.
    case unknownDatatype(String)
    /// A datatype in which values of the route's kind cannot stand, or not be changed.
    case datatypeOfOtherKind(String, kind: AnswerKind)
    /// The shape is none that values of the route's kind have.
    case otherShape(found: [Int], rows: Int, kind: AnswerKind)

    /// The fault in words, to follow "output N".
    package var reason: String {
        switch self {
        case .notAnObject: "is not an object"
        case .missing(let key): "has no \"\(key)\""
        case .notText(let key): "has a \"\(key)\" that is not a string"
        case .duplicateName: "has the name of another"
        case .notAShape: "has a \"shape\" that is not a list of whole numbers from 0"
        case .tooLarge: "has a \"shape\" of more numbers than can be counted"
        case .parametersNotAnObject: "has \"parameters\" that are not an object"
        case .notASize: "has a \"binary_data_size\" that is not a whole number from 0"
        case .twoKindsOfData: "has both \"data\" and \"binary_data_size\""
        case .noData: "has neither \"data\" nor \"binary_data_size\""
        case .otherSize(let found, let expected):
            "has \(found) raw bytes; its shape and datatype come to \(expected)"
        case .textLengths: "has raw texts whose lengths are not those of its shape and \"binary_data_size\""
        case .otherData: "has \"data\" that are not a list of as many values as its shape says"
        case .unknownDatatype(let name): "has the datatype \"\(name)\", which is not read here"
        case .datatypeOfOtherKind(let name, let kind):
            "has the datatype \(name), in which no \(kind.rawValue) can stand; see answer.kind and answer.output"
        case .otherShape(let found, let rows, let kind):
            "has the shape \(found); expected \(Self.shapes(rows: rows, kind: kind)) for \(kind.rawValue)"
        }
    }

    private static func shapes(rows: Int, kind: AnswerKind) -> String {
        switch kind {
        case .probabilities, .logProbabilities, .logits: "[\(rows), classes]"
        case .topK: "[\(rows), k]"
        case .labels: "[\(rows)] or [\(rows), 1]"
        }
    }
}
