import Foundation
import TestSupport
import Testing

@testable import Query

@Suite("Query: mutated bodies")
struct FuzzTests {
    static let seeds = [
        #"{"signature_name":"serving_default","instances":[[[0,0.25,0.5],[0.75,1,0.125]],[[1e-3,2,3],[4,5,6.5E1]]]}"#,
        #"{"inputs":{"im\u0061ge":[[0,0.25,0.5,0.75,1,-0.125]]},"x":[null,true,{"y":"é\n\ud83d\ude00"}]}"#,
        #"{"instances":[{"image":[[[0],[0.25],[0.5]],[[0.75],[1],[0.125]]]}], "z" : -12.5e+2 }"#,
    ]
    static let alphabet = Array("{}[],:\"\\ue.+-0123456789 \ntfnNI\u{0}é".utf8)

    static func mutated(_ body: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var body = body
        for _ in 0..<Int.random(in: 1...3, using: &random) where !body.isEmpty {
            let place = Int.random(in: 0..<body.count, using: &random)
            let byte = alphabet.randomElement(using: &random) ?? 0
            switch Int.random(in: 0..<5, using: &random) {
            case 0: body.remove(at: place)
            case 1: body.insert(byte, at: place)
            case 2: body[place] = UInt8.random(in: 0...255, using: &random)
            case 3:
                body.removeSubrange(place..<min(body.count, place + Int.random(in: 1...9, using: &random)))
            default: body[place] = byte
            }
        }
        return body
    }

    /// The pixels that Foundation's tree holds, flattened; nil where there is no such tree.
    static func oracle(_ body: [UInt8]) -> [Double]? {
        guard let tree = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any] else {
            return nil
        }
        func flatten(_ value: Any) -> [Double] {
            switch value {
            case let list as [Any]: list.flatMap(flatten)
            case let object as [String: Any]: object.values.flatMap(flatten)
            case let number as NSNumber: [number.doubleValue]
            default: []
            }
        }
        return (tree["instances"] ?? tree["inputs"]).map(flatten)
    }

    @Test(
        "a mutation never crashes, and what is accepted says what Foundation's tree says",
        arguments: 100..<112 as Range<UInt64>)
    func mutations(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let format = QueryFormat.make(low: -1, high: 1)
        var accepted = 0
        for _ in 0..<2000 {
            let body = Self.mutated(Array(Self.seeds.randomElement(using: &random)?.utf8 ?? "".utf8), &random)
            let text = String(decoding: body, as: UTF8.self)
            guard let batch = try? QueryDecoder(format).decode(body) else { continue }
            accepted += 1
            let expected = try #require(Self.oracle(body), "seed \(seed): Foundation refuses \(text)")
            #expect(expected.count == batch.values.count, "seed \(seed): \(text)")
            for (found, wanted) in zip(batch.values, expected) {
                #expect(abs(Double(found) - wanted) <= 1e-6 * max(1, abs(wanted)), "seed \(seed): \(text)")
            }
        }
        #expect(accepted > 100, "mutations that survive exercise the accepting side")
    }

    @Test("no beginning of a body is a body")
    func truncations() {
        for text in Self.seeds {
            let body = Array(text.utf8.reversed().drop { $0 != UInt8(ascii: "}") }.reversed())
            for count in 0..<body.count {
                #expect(throws: DecodeError.self) { try QueryDecoder(.make()).decode(Array(body[..<count])) }
            }
        }
    }

    @Test("no mutation of an answer crashes its reader", arguments: 200..<204 as Range<UInt64>)
    func answers(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let answer = Array(#"{"predictions":[[0.25,0.5,0.25],[1.0,0.0,0.0]],"model":{"v":[1]}}"#.utf8)
        for _ in 0..<2000 {
            let body = Self.mutated(answer, &random)
            guard let read = try? AnswerReader(AnswerFormat()).read(body, rows: 2) else { continue }
            #expect(read.rewritten(rows: [:]).bytes == body)
            #expect(read.row(0).count == read.classes)
        }
    }
}
