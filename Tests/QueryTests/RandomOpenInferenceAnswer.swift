import Foundation
import TestSupport

@testable import Query

/// An answer of one to four outputs, one of them a route's, with whatever else servers write.
struct RandomOpenInferenceAnswer {
    let body: WireBody
    let format: AnswerFormat
    let rows: Int
    let classes: Int
    let name: String

    init(_ random: inout SeededGenerator) {
        rows = Int.random(in: 1...4, using: &random)
        classes = Int.random(in: 2...6, using: &random)
        let kinds: [AnswerKind] = [.probabilities, .logProbabilities, .logits]
        let kind = kinds.randomElement(using: &random) ?? .probabilities
        let count = Int.random(in: 1...4, using: &random)
        let place = Int.random(in: 0..<count, using: &random)
        name = ["p", "probs é", "a\"b\\"].randomElement(using: &random) ?? "p"
        var elements: [String] = []
        var raw: [UInt8] = []
        var hasRaw = false
        for index in 0..<count {
            let output =
                index == place
                ? Self.ours(name, kind, rows, classes, &random) : Self.other("o\(index)", &random)
            elements.append(output.text)
            raw += output.raw ?? []
            hasRaw = hasRaw || output.raw != nil
        }
        let list = "[" + elements.map { Self.blank(&random) + $0 }.joined(separator: " ,") + "]"
        var members = [("outputs", list), ("model_name", "\"m\"")]
        for other in [
            ("id", "\"7\""), ("model_version", "null"), ("parameters", "{\"a\":[1]}"), ("time", "0.9"),
        ]
        where Bool.random(using: &random) { members.append(other) }
        let json = Array((Self.object(members, &random) + Self.blank(&random)).utf8)
        body = WireBody(
            bytes: json + raw, jsonBytes: hasRaw || Bool.random(using: &random) ? json.count : nil)
        format = AnswerFormat(
            wireProtocol: .openInference,
            outputName: count > 1 || Bool.random(using: &random) ? name : nil, kind: kind,
            classes: Bool.random(using: &random) ? classes : nil, sumTolerance: 0.02)
    }

    // MARK: Outputs

    private typealias Output = (text: String, raw: [UInt8]?)

    private static func ours(
        _ name: String, _ kind: AnswerKind, _ rows: Int, _ classes: Int, _ random: inout SeededGenerator
    ) -> Output {
        let shift = kind == .logits ? Double.random(in: -5...5, using: &random) : 0
        let values = (0..<rows).map { _ in
            distribution(classes, &random).map { kind == .probabilities ? $0 : log($0) + shift }
        }
        let datatype = ["FP16", "FP32", "FP64"].randomElement(using: &random) ?? "FP32"
        let shape = rows == 1 && Bool.random(using: &random) ? "[\(classes)]" : "[\(rows), \(classes)]"
        var data: String?
        if Bool.random(using: &random) {
            let isNested = shape.contains(",") && Bool.random(using: &random)
            data = isNested ? "\(values)" : "\(values.flatMap { $0 })"
        }
        let bytes = values.flatMap { $0 }.flatMap { encoded($0, datatype) }
        return output(name, shape, datatype, data: data, raw: bytes, &random)
    }

    private static func encoded(_ value: Double, _ datatype: String) -> [UInt8] {
        switch datatype {
        case "FP16": OpenInferenceAnswers.littleEndian([Float16(value).bitPattern])
        case "FP32": OpenInferenceAnswers.littleEndian([Float(value).bitPattern])
        default: OpenInferenceAnswers.littleEndian([value.bitPattern])
        }
    }

    private static func other(_ name: String, _ random: inout SeededGenerator) -> Output {
        let count = Int.random(in: 0...3, using: &random)
        let datatype = ["INT8", "BOOL", "FP64", "BYTES", "FP8"].randomElement(using: &random) ?? "BOOL"
        let isText = Bool.random(using: &random)
        let size = ["INT8": 1, "BOOL": 1, "FP64": 8, "BYTES": 4, "FP8": 1][datatype] ?? 1
        let bytes = [UInt8](repeating: 0, count: count * size)
        let data = isText ? "\([Int](repeating: 1, count: count))" : nil
        return output(name, "[\(count)]", datatype, data: data, raw: bytes, &random)
    }

    private static func output(
        _ name: String, _ shape: String, _ datatype: String, data: String?, raw: [UInt8],
        _ random: inout SeededGenerator
    ) -> Output {
        var members = [("name", quoted(name)), ("shape", shape), ("datatype", quoted(datatype))]
        var parameters: [(String, String)] = []
        for other in [("content_type", "\"np\""), ("largest", "{\"p\":[0.9]}")]
        where Bool.random(using: &random) { parameters.append(other) }
        if let data { members.append(("data", data)) }
        if data == nil { parameters.append(("binary_data_size", "\(raw.count)")) }
        if data == nil || Bool.random(using: &random) {
            members.append(("parameters", object(parameters, &random)))
        }
        for other in [("top", "[[0.9]]"), ("x", "\"]}{[,\"")] where Bool.random(using: &random) {
            members.append(other)
        }
        return (object(members, &random), data == nil ? raw : nil)
    }

    // MARK: Text

    /// Probabilities of a row, none of them very small.
    static func distribution(_ classes: Int, _ random: inout SeededGenerator) -> [Double] {
        let weights = (0..<classes).map { _ in Double.random(in: 0.05...1, using: &random) }
        return weights.map { $0 / weights.reduce(0, +) }
    }

    private static func object(
        _ members: [(String, String)], _ random: inout SeededGenerator
    ) -> String {
        var texts: [String] = []
        for (key, value) in members.shuffled(using: &random) {
            texts.append(
                blank(&random) + "\"\(key)\"" + blank(&random) + ":" + blank(&random) + value
                    + blank(&random))
        }
        return "{" + texts.joined(separator: ",") + "}"
    }

    private static func blank(_ random: inout SeededGenerator) -> String {
        ["", "", "", " ", "\n  ", "\t"].randomElement(using: &random) ?? ""
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
            + "\""
    }
}
