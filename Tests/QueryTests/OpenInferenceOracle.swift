import Foundation
import Testing

@testable import Query

/// What Foundation's tree and plain loops find in an answer of the Open Inference Protocol.
struct OpenInferenceOracle {
    let answer: [String: Any]
    let outputs: [[String: Any]]
    private let raw: [UInt8]

    init(_ body: WireBody) throws {
        let json = body.bytes.prefix(body.jsonBytes ?? body.bytes.count)
        answer = try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
        outputs = try #require(answer["outputs"] as? [[String: Any]])
        raw = Array(body.bytes.dropFirst(json.count))
    }

    /// How many raw bytes the outputs tell of, and there are.
    var rawCounts: (told: Int, found: Int) { (outputs.reduce(0) { $0 + Self.rawCount($1) }, raw.count) }

    private static func parameters(_ output: [String: Any]) -> [String: Any] {
        output["parameters"] as? [String: Any] ?? [:]
    }

    private static func rawCount(_ output: [String: Any]) -> Int {
        (parameters(output)["binary_data_size"] as? NSNumber)?.intValue ?? 0
    }

    /// The names of the parameters of an output.
    static func parameterNames(_ output: [String: Any]) -> Set<String> { Set(parameters(output).keys) }

    /// The values of the output `name`, flattened.
    func values(_ name: String) throws -> [Double] {
        var start = 0
        for output in outputs {
            let end = start + Self.rawCount(output)
            if output["name"] as? String == name {
                if let data = output["data"] { return Self.flattened(data) }
                return try Self.numbers(
                    Array(raw[start..<end]), #require(output["datatype"] as? String))
            }
            start = end
        }
        return []
    }

    private static func flattened(_ value: Any) -> [Double] {
        if let list = value as? [Any] { return list.flatMap(flattened) }
        return (value as? NSNumber).map { [$0.doubleValue] } ?? []
    }

    private static func numbers(_ bytes: [UInt8], _ datatype: String) -> [Double] {
        let size = ["FP16": 2, "FP32": 4, "FP64": 8][datatype] ?? 1
        var numbers: [Double] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            var bits: UInt64 = 0
            for offset in (0..<size).reversed() { bits = bits * 256 + UInt64(bytes[start + offset]) }
            switch datatype {
            case "FP16": numbers.append(half(Int(bits)))
            case "FP32": numbers.append(Double(Float(bitPattern: UInt32(bits))))
            default: numbers.append(Double(bitPattern: bits))
            }
        }
        return numbers
    }

    /// The finite number of 16 bits (IEEE 754 binary16): sign, 5 of exponent, 10 of fraction.
    private static func half(_ bits: Int) -> Double {
        let exponent = bits >> 10 & 31
        let fraction = Double(bits & 1023)
        let magnitude = exponent == 0 ? scalbn(fraction, -24) : scalbn(fraction + 1024, exponent - 25)
        return bits >> 15 == 1 ? -magnitude : magnitude
    }
}
