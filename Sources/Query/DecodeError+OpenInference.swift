extension DecodeError {
    /// The reason of an error that only the Open Inference Protocol has.
    var openInferenceReason: String {
        switch self {
        case .jsonLength, .bodyLength, .rawSize: lengthReason
        case .wrongMember(let name, let expected, let offset):
            "\"\(name)\" is not \(expected) (byte \(offset))"
        case .noInputs: "the body has no \"inputs\", or none in it"
        case .tooManyInputs(let offset):
            "the request has more than one input (byte \(offset)); send the picture's alone"
        case .missingMember(let name, let offset): "the input before byte \(offset) lacks \"\(name)\""
        case .unknownDatatype(let name, let offset):
            "the datatype \"\(name)\" at byte \(offset) is not read here; \(Self.datatypes)"
        case .otherDatatype(let found, let expected, let offset):
            "the datatype \(found.rawValue) at byte \(offset) is not served here; \(expected.rawValue) is"
        case .otherTensorShape(let found, let expected, let offset):
            "the shape \(found) at byte \(offset) is none of the model's pictures; expected \(expected), "
                + "or the number of rows and then that"
        case .dataMismatch(let found, let expected, let offset):
            "the data is \(found) at byte \(offset); by its shape it is \(expected)"
        case .bothData(let offset):
            "the input before byte \(offset) has both \"data\" and \"binary_data_size\"; send one"
        case .noData(let offset):
            "the input before byte \(offset) has neither \"data\" nor the parameter \"binary_data_size\""
        case .notOfDatatype(let row, let datatype, let offset):
            "row \(row) has a value at byte \(offset) that \(datatype.rawValue) does not hold"
        case .sharedMemory(let parameter, let offset):
            "the parameter \"\(parameter)\" at byte \(offset) is not served here; send the tensor in the body, "
                + "and take the answer from its body"
        case .classification(let offset):
            "the parameter \"classification\" at byte \(offset) is not served here; ask for the values"
        default: "the request cannot be read"
        }
    }

    private var lengthReason: String {
        switch self {
        case .jsonLength(let found, let bodyBytes):
            "Inference-Header-Content-Length is \(found); it is the length of the body's JSON, "
                + "which is at least 1 byte and at most the body's \(bodyBytes)"
        case .bodyLength(let found, let jsonBytes, let rawBytes):
            "the body has \(found) bytes; its JSON of \(jsonBytes) (Inference-Header-Content-Length) and "
                + "its raw tensor of \(rawBytes) (binary_data_size) come to other than that"
        case .rawSize(let found, let expected, let offset):
            "\"binary_data_size\" of the input before byte \(offset) is \(found); "
                + "its shape and datatype come to \(expected)"
        default: "the body is of another length"
        }
    }

    private static var datatypes: String {
        "send one of " + TensorDatatype.allCases.map(\.rawValue).joined(separator: ", ")
    }
}
