import Testing

@testable import Buffers

@Suite("A byte buffer")
struct ByteBufferTests {
    private func text(_ write: (inout ByteBuffer) -> Void) -> String {
        var buffer = ByteBuffer(capacity: 16)
        write(&buffer)
        return String(decoding: buffer.bytes, as: UTF8.self)
    }

    @Test("holds what was appended, however often it had to grow")
    func growth() {
        var buffer = ByteBuffer(capacity: 1)
        var expected: [UInt8] = []
        for round in 0..<200 {
            let piece = (0..<round).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            buffer.append(piece)
            buffer.append(UInt8(truncatingIfNeeded: round))
            buffer.append(word: UInt64(round).littleEndian)
            expected += piece + [UInt8(truncatingIfNeeded: round)]
            expected += (0..<8).map { UInt8(truncatingIfNeeded: round >> ($0 * 8)) }
        }
        #expect(buffer.bytes == expected)
        #expect(buffer.count == expected.count)
        #expect(buffer.withBytes { Array($0) } == expected)
    }

    @Test("decimals are those that a string of the number has")
    func decimals() {
        var numbers: [UInt64] = [0, 9, 10, 99, 100, 101, 999, 1000, .max, .max - 1]
        var power: UInt64 = 1
        for _ in 0..<19 {
            power *= 10
            numbers += [power - 1, power, power + 1]
        }
        for number in numbers { #expect(text { $0.append(decimal: number) } == String(number)) }
        for number in [-1, -10, .min, .max] { #expect(text { $0.append(decimal: number) } == String(number)) }
    }

    @Test("hexadecimal numbers have sixteen digits in lower case")
    func hexadecimals() {
        for shift in 0..<64 {
            for number in [UInt64(1) << shift, .max >> shift, 0xFEDC_BA98_7654_3210 >> shift] {
                let digits = String(number, radix: 16)
                let expected = String(repeating: "0", count: 16 - digits.count) + digits
                #expect(text { $0.append(hex: number) } == expected)
            }
        }
    }

    @Test("pairs have two digits")
    func pairs() {
        for number in 0..<100 {
            #expect(text { $0.append(pair: UInt32(number)) } == (number < 10 ? "0\(number)" : "\(number)"))
        }
    }

    @Test("an emptied buffer keeps its memory up to a bound")
    func emptying() {
        var buffer = ByteBuffer()
        for _ in 0..<100_000 { buffer.append("0123456789") }
        buffer.removeAll(keepingAtMost: .max)
        #expect(buffer.isEmpty && buffer.capacity >= 1_000_000)
        buffer.removeAll()
        #expect(buffer.isEmpty && buffer.capacity <= 64 << 10)
        buffer.append("still good")
        #expect(String(decoding: buffer.bytes, as: UTF8.self) == "still good")
    }
}
