/// Why an answer's class values cannot be read. Offsets count bytes of the body from 0.
package enum AnswerError: JSONReadingError, Hashable, Sendable {
    /// Not JSON, or beyond a bound.
    case notJSON(JSONFault, offset: Int)
    /// Neither `predictions` nor `outputs` is there, or both.
    case noPredictions
    /// The route's output is not among these, or it names none and there are several.
    case outputNameNeeded(names: [String])
    /// A row is not a list of numbers.
    case notARow(row: Int, offset: Int)
    /// Another number of rows than the query's; `found` is at least so many.
    case rowCount(found: Int, expected: Int)
    /// Another number of classes than the model's or than the row's before.
    case classCount(row: Int, found: Int, expected: Int)
    /// Fewer than two classes, where there is nothing to compare.
    case tooFewClasses(found: Int)
    /// NaN or an infinity.
    case notFinite(row: Int, offset: Int)
    /// Probabilities that are negative or do not sum to 1.
    case notProbabilities(row: Int, sum: Double)
    /// The Open Inference Protocol's `outputs` is not there, no list, or empty.
    case noOutputs
    /// An output of the Open Inference Protocol is not as the protocol or the route says.
    case output(OutputFault, index: Int, offset: Int)
    /// The header that tells how many bytes are JSON tells none, or more than there are.
    case jsonLength(Int, bodyBytes: Int)
    /// The outputs' `binary_data_size` do not add up to the bytes that follow the JSON.
    case rawBytes(found: Int)
    /// A label that is no number below the number of classes, where it has to be one.
    case unknownLabel(row: Int, classes: Int)
}

extension AnswerError: CustomStringConvertible {
    /// What the operator gets to read, whatever said how answers are read.
    package var description: String { description(naming: Settings()) }

    /// What the operator calls the settings that say how answers are read, such as `answer.kind`; nil for what cannot be set.
    package struct Settings: Hashable, Sendable {
        /// What names the output.
        package var output: String?
        /// What says of which kind the values are.
        package var kind: String?

        /// Settings of such names.
        package init(output: String? = nil, kind: String? = nil) {
            self.output = output
            self.kind = kind
        }
    }

    /// What the operator gets to read, with the settings to look at by their names.
    package func description(naming settings: Settings) -> String {
        switch self {
        case .notJSON(let fault, let offset):
            "the answer is not valid JSON at byte \(offset): \(fault.reason)"
        case .noPredictions: "the answer has not exactly one of \"predictions\" and \"outputs\""
        case .outputNameNeeded(names: []): "the answer has no output"
        case .outputNameNeeded(let names):
            (settings.output.map { "\($0) has to name one of the answer's outputs: " }
                ?? "one of the answer's outputs has to be named: ")
                + names.map { "\"\($0)\"" }.joined(separator: ", ")
        case .notARow(let row, let offset):
            "row \(row) of the answer is not a list of numbers (byte \(offset))"
        case .rowCount(let found, let expected): "the answer has \(found) rows to a query of \(expected)"
        case .classCount(let row, let found, let expected):
            "row \(row) of the answer has \(found) classes; expected \(expected)"
        case .tooFewClasses(let found): "the answer has \(found) class values a row; at least 2 are needed"
        case .notFinite(let row, let offset):
            "row \(row) of the answer has a value at byte \(offset) that is no finite number"
        case .notProbabilities(let row, let sum):
            "row \(row) of the answer sums to \(sum) or has a negative value: "
                + (settings.kind.map { "not what \($0) says" } ?? "no probabilities")
        case .noOutputs: "the answer has no list \"outputs\" with an output in it"
        case .output(let fault, let index, let offset):
            "output \(index) of the answer \(fault.reason) (byte \(offset))"
        case .jsonLength(let found, let bodyBytes):
            "the answer's Inference-Header-Content-Length is \(found); its body has \(bodyBytes) bytes"
        case .rawBytes(let found):
            "\(found) bytes follow the answer's JSON, to which its \"binary_data_size\" do not add up"
        case .unknownLabel(let row, let classes):
            "row \(row) of the answer is no label from 0 to \(classes - 1)"
        }
    }
}
