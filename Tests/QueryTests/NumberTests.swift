import Foundation
import TestSupport
import Testing

@testable import Query

@Suite("Query: decimal numbers")
struct NumberTests {
    /// The number at the start of `text` by the scanner.
    static func scanned(_ text: String) throws -> Float {
        try JSONScanner<DecodeError>.scan(Array(text.utf8)) { scanner throws(DecodeError) in
            let value = try scanner.number()
            try scanner.finish()
            return value
        }
    }

    static func expectAgreement(_ text: String) throws {
        let expected = strtof(text, nil)
        let found = try scanned(text)
        #expect(found.bitPattern == expected.bitPattern, "\(text): \(found), strtof \(expected)")
    }

    @Test(
        "hard cases round as strtof rounds them",
        arguments: [
            "0", "-0", "-0.0", "0e5", "1", "16777216", "16777217", "16777218", "16777219", "33554434",
            "33554435",
            "33554437", "9007199254740993", "0.1", "0.3", "123456789", "1e10", "1e-10", "1e11", "1e22",
            "1e38", "1e39",
            "3.4028234663852886e38", "3.4028235677973366e38", "3.4028235677973365e38", "3.40282357e38",
            "1e-38",
            "1.1754943508222875e-38", "1.1754942807573643e-38", "1.401298464324817e-45",
            "7.006492321624085e-46",
            "7.0064923216240854e-46", "7.006492321624086e-46", "1e-45", "1e-46", "1e-400", "1e400",
            "18446744073709551615", "18446744073709551616", "9999999999999999999", "99999999999999999999",
            "0.00000000000000000000000000000000000001", "0.000000000000000000100000000000000000000001",
            "1.00000005960464477539062", "1.000000059604644775390625", "1.0000000596046447753906250000001",
            "1.00000017881393432617187499", "1.000000178813934326171875", "1.00000017881393432617187501",
            "0.50000002980232238769531250", "8388609.5", "8388610.5", "8388608.49999999999999999999999",
            "1e00000000000000000000001", "100000000000000000000000000000000000000000e-41", "1E+2",
            "1e-000000000001",
        ])
    func hardCases(text: String) throws {
        try Self.expectAgreement(text)
        try Self.expectAgreement("-" + text.drop { $0 == "-" })
    }

    @Test(
        "random decimals of any length round as strtof rounds them", arguments: 1...4 as ClosedRange<UInt64>)
    func randomDecimals(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<20_000 {
            var text = Bool.random(using: &random) ? "-" : ""
            text += String(Int.random(in: 0...(Bool.random(using: &random) ? 9 : 99_999), using: &random))
            if Bool.random(using: &random) {
                let count = Int.random(in: 1...(seed == 1 ? 40 : 20), using: &random)
                text += "." + (0..<count).map { _ in String(Int.random(in: 0...9, using: &random)) }.joined()
            }
            if Int.random(in: 0..<4, using: &random) == 0 {
                text += "e\(Int.random(in: -60...45, using: &random))"
            }
            try Self.expectAgreement(text)
        }
    }

    @Test(
        "decimals on and beside the midpoint of two Floats round as strtof rounds them",
        arguments: [11, 12] as [UInt64])
    func midpoints(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<4000 {
            let low = Float(bitPattern: UInt32.random(in: 0x3000_0000...0x4F00_0000, using: &random))
            let midpoint = (Double(low) + Double(low.nextUp)) / 2
            let text = String(format: "%.60f", midpoint)
            try Self.expectAgreement(text)
            try Self.expectAgreement(text + "1")
            try Self.expectAgreement(String(format: "%.18g", midpoint))
            try Self.expectAgreement(String(format: "%.17g", midpoint.nextDown))
        }
    }

    @Test(
        "printing is the shortest text that reads back as the same Float, and is JSON",
        arguments: [21, 22] as [UInt64])
    func printing(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<5000 {
            let value = Float(bitPattern: UInt32.random(in: 0...0x7F7F_FFFF, using: &random))
            var text: [UInt8] = []
            JSONNumber.append(value, to: &text)
            #expect(try Self.scanned(String(decoding: text, as: UTF8.self)) == value)
            let parsed = try JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)
            #expect((parsed as? Double).map { Float($0) } == value)
        }
    }
}
