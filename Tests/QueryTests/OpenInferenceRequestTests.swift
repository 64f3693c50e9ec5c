import Foundation
import Tensor
import Testing

@testable import Query

@Suite("Open Inference: requests")
struct OpenInferenceRequestTests {
    private func format(
        _ shape: ImageShape = ImageShape(channels: 3, height: 2, width: 4), layout: PixelLayout = .hwc,
        range: ValueRange = ValueRange(low: -1, high: 1), datatype: TensorDatatype? = nil, name: String? = nil
    ) -> QueryFormat {
        QueryFormat(
            wireProtocol: .openInference, inputName: name, datatype: datatype, layout: layout, range: range,
            shape: shape, rowsMax: 8)
    }

    private func batch(_ shape: ImageShape, rows: Int, seed: UInt64) -> QueryBatch {
        var generator = RandomGenerator(seed: seed)
        // Levels of eight bits, which every range and type spells.
        let values = (0..<rows * shape.count).map { _ in Float(generator.next() % 256) / 127.5 - 1 }
        return QueryBatch(shape: shape, values: values)
    }

    private func decode(
        _ text: String, _ format: QueryFormat, raw: [UInt8]? = nil
    ) throws(DecodeError) -> QueryBatch {
        let json = Array(text.utf8)
        return try QueryDecoder(format).decode(json + (raw ?? []), jsonBytes: raw.map { _ in json.count })
    }

    // MARK: The same pictures

    @Test(
        "the same pictures as text, raw, and in TensorFlow Serving's form are one query",
        arguments: [1, 3], [PixelLayout.hwc, .chw])
    func same(channels: Int, layout: PixelLayout) throws {
        let shape = ImageShape(channels: channels, height: 3, width: 5)
        for rows in 1...3 {
            let batch = batch(shape, rows: rows, seed: UInt64(rows))
            let plain = QueryFormat(layout: layout, range: ValueRange(low: -1, high: 1), shape: shape)
            let expected = try QueryDecoder(plain).decode(QueryEncoder(plain).body(batch)).digests
            for datatype in [TensorDatatype.float32, .float64] {
                let format = format(shape, layout: layout, datatype: datatype)
                let encoder = QueryEncoder(format)
                #expect(try QueryDecoder(format).decode(encoder.body(batch)).digests == expected)
                let raw = encoder.binaryBody(batch)
                #expect(
                    try QueryDecoder(format).decode(raw.bytes, jsonBytes: raw.jsonBytes).digests == expected)
            }
        }
    }

    @Test(
        "eight-bit levels in every type of integers that holds them are one query",
        arguments: [
            TensorDatatype.uint8, .uint16, .uint32, .uint64, .int16, .int32, .int64, .float16, .float32,
        ])
    func integers(datatype: TensorDatatype) throws {
        let range = ValueRange(low: 0, high: 255)
        let shape = ImageShape(channels: 1, height: 16, width: 16)
        let batch = QueryBatch(shape: shape, values: (0..<256).map { Float($0) / 127.5 - 1 })
        let plain = QueryFormat(layout: .hwc, range: range, shape: shape)
        let expected = try QueryDecoder(plain).decode(QueryEncoder(plain).body(batch)).digests
        let format = format(shape, range: range, datatype: datatype)
        let encoder = QueryEncoder(format)
        #expect(try QueryDecoder(format).decode(encoder.body(batch)).digests == expected)
        let raw = encoder.binaryBody(batch)
        #expect(try QueryDecoder(format).decode(raw.bytes, jsonBytes: raw.jsonBytes).digests == expected)
        #expect(raw.bytes.count - (raw.jsonBytes ?? 0) == 256 * datatype.byteCount)
    }

    @Test("members come in any order, data flat or nested, with rows or for one picture")
    func orders() throws {
        let format = format(ImageShape(channels: 1, height: 2, width: 2), name: "x")
        let members = [
            "\"name\":\"x\"", "\"datatype\":\"FP32\"", "\"shape\":[2,2,2]",
            "\"data\":[[[0,0.25],[0.5,1]],[[-1,1],[0,0]]]", "\"parameters\":{\"content_type\":\"np\"}",
        ]
        let expected = try decode(
            "{\"inputs\":[{\"name\":\"x\",\"shape\":[2,2,2,1],\"datatype\":\"FP32\",\"data\":[0,0.25,0.5,1,-1,1,0,0]}]}",
            format)
        #expect(expected.rows == 2 && expected.row(1) == [-1, 1, 0, 0])
        for turn in members.indices {
            let turned = (members[turn...] + members[..<turn]).joined(separator: " , ")
            let reversed = (members[turn...] + members[..<turn]).reversed().joined(separator: ",")
            for text in [turned, reversed] {
                let body =
                    "{\"id\":\"7\",\"inputs\":[{\(text)}],\"parameters\":{\"binary_data_output\":true}}"
                #expect(try decode(body, format).digests == expected.digests, "\(body)")
            }
        }
        for shape in ["[1,2,2]", "[2,2]", "[4]", "[1,4]", "[2,2,1]", "[1,2,2,1]"] {
            let one = try decode(
                "{\"inputs\":[{\"name\":\"x\",\"shape\":\(shape),\"datatype\":\"FP64\",\"data\":[0,0.25,0.5,1]}]}",
                format)
            #expect(one.digests == [expected.digests[0]], "\(shape)")
        }
    }

    @Test("16-bit floats are scored as what 16 bits hold")
    func half() throws {
        let shape = ImageShape(channels: 1, height: 1, width: 2)
        let read = try decode(
            "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP16\",\"data\":[0.1,0.3333]}]}",
            format(shape))
        #expect(read.row(0) == [Float(Float16(0.1)), Float(Float16(0.3333))])
    }

    // MARK: What is refused

    /// An input of four numbers with one thing in it changed.
    private static func input(
        _ name: String = "\"x\"", _ shape: String = "[1,2,2]", _ datatype: String = "\"FP32\"",
        _ rest: String = "\"data\":[0,0,0,0]"
    ) -> String {
        "{\"name\":\(name),\"shape\":\(shape),\"datatype\":\(datatype),\(rest)}"
    }

    private static let refused: [(String, String)] = [
        ("[]", "not a JSON object"), ("{}", "inputs"), ("{\"inputs\":[]}", "inputs"),
        ("{\"inputs\":7}", "inputs"), ("{\"inputs\":[7]}", "inputs"),
        ("{\"inputs\":[\(input()),\(input())]}", "one input"),
        ("{\"inputs\":[\(input("\"y\""))]}", "\"y\""), ("{\"inputs\":[\(input("7"))]}", "name"),
        ("{\"inputs\":[\(input("\"x\"", "[1,2,3]"))]}", "shape"),
        ("{\"inputs\":[\(input("\"x\"", "[-1,2,2]"))]}", "shape"),
        ("{\"inputs\":[\(input("\"x\"", "[1.5,2,2]"))]}", "shape"),
        ("{\"inputs\":[\(input("\"x\"", "[0,2,2]"))]}", "no rows"),
        ("{\"inputs\":[\(input("\"x\"", "[9,2,2]"))]}", "more than 8 rows"),
        ("{\"inputs\":[\(input("\"x\"", "[9223372036854775807,2,2]"))]}", "more than 8 rows"),
        ("{\"inputs\":[\(input("\"x\"", "[99999999999999999999,2,2]"))]}", "shape"),
        ("{\"inputs\":[\(input("\"x\"", "[1,2,2]", "\"BYTES\""))]}", "BYTES"),
        ("{\"inputs\":[\(input("\"x\"", "[1,2,2]", "\"BOOL\""))]}", "BOOL"),
        ("{\"inputs\":[\(input("\"x\"", "[1,2,2]", "\"UINT8\"", "\"data\":[0,0.5,0,0]"))]}", "UINT8"),
        ("{\"inputs\":[\(input("\"x\"", "[1,2,2]", "\"UINT8\"", "\"data\":[0,256,0,0]"))]}", "UINT8"),
        ("{\"inputs\":[\(input("\"x\"", "[1,2,2]", "\"INT8\"", "\"data\":[0,-129,0,0]"))]}", "INT8"),
        ("{\"inputs\":[\(input("\"x\"", "[1,2,2]", "\"FP16\"", "\"data\":[0,70000,0,0]"))]}", "finite"),
        ("{\"inputs\":[\(input("\"x\"", "[1,2,2]", "\"FP32\"", "\"data\":[0,NaN,0,0]"))]}", "finite"),
        ("{\"inputs\":[\(input("\"x\"", "[1,2,2]", "\"FP32\"", "\"data\":[0,0,0]"))]}", "data"),
        ("{\"inputs\":[\(input("\"x\"", "[1,2,2]", "\"FP32\"", "\"data\":[0,0,0,0,0]"))]}", "data"),
        ("{\"inputs\":[\(input("\"x\"", "[1,2,2]", "\"FP32\"", "\"data\":[[0,0],[0,0]]"))]}", "data"),
        ("{\"inputs\":[\(input("\"x\"", "[1,2,2]", "\"FP32\"", "\"data\":[0,\"a\",0,0]"))]}", "string"),
        ("{\"inputs\":[\(input("\"x\"", "[1,2,2]", "\"FP32\"", "\"x\":1"))]}", "data"),
        (
            "{\"inputs\":[\(input("\"x\"", "[1,2,2]", "\"FP32\"", "\"parameters\":{\"shared_memory_region\":\"r\"}"))]}",
            "shared_memory_region"
        ),
        (
            "{\"inputs\":[\(input())],\"outputs\":[{\"name\":\"p\",\"parameters\":{\"classification\":3}}]}",
            "classification"
        ),
        (
            "{\"inputs\":[\(input())],\"outputs\":[{\"name\":\"p\",\"parameters\":{\"shared_memory_region\":\"r\"}}]}",
            "shared_memory_region"
        ),
        ("{\"inputs\":[\(input())]", "JSON"), ("{\"inputs\":[\(input())]} x", "JSON"),
        ("{\"inputs\":[{\"shape\":[1,2,2],\"datatype\":\"FP32\",\"data\":[0,0,0,0]}]}", "name"),
    ]

    @Test(
        "whatever is not the protocol's, or could not be scored, is refused with the reason",
        arguments: refused)
    func refusals(text: String, word: String) {
        let format = format(ImageShape(channels: 1, height: 2, width: 2), name: "x")
        let error = #expect(throws: DecodeError.self) { _ = try decode(text, format) }
        #expect(error?.reason.contains(word) == true, "\(text): \(error?.reason ?? "")")
    }

    @Test("raw tensors are as long as everything says, to the byte")
    func lengths() throws {
        let format = format(ImageShape(channels: 1, height: 2, width: 2))
        func text(_ size: Int) -> String {
            "{\"inputs\":[\(Self.input("\"x\"", "[1,2,2]", "\"FP32\"", "\"parameters\":{\"binary_data_size\":\(size)}"))]}"
        }
        #expect(try decode(text(16), format, raw: [UInt8](repeating: 0, count: 16)).rows == 1)
        for (said, sent) in [(16, 15), (16, 17), (16, 0), (12, 12), (20, 20), (0, 0)] {
            #expect(throws: DecodeError.self, "\(said), \(sent)") {
                _ = try decode(text(said), format, raw: [UInt8](repeating: 0, count: sent))
            }
        }
        #expect(throws: DecodeError.self) { _ = try decode(text(16), format) }
        let body = QueryEncoder(format).binaryBody(QueryBatch(shape: format.shape, values: [0, 0, 0, 1]))
        for jsonBytes in [-1, 0, 1, body.bytes.count - 1, body.bytes.count, body.bytes.count + 1] {
            #expect(throws: DecodeError.self, "\(jsonBytes)") {
                _ = try QueryDecoder(format).decode(body.bytes, jsonBytes: jsonBytes)
            }
        }
        var infinite = body.bytes
        infinite.replaceSubrange(infinite.count - 4..<infinite.count, with: [0, 0, 0x80, 0x7F])
        #expect(throws: DecodeError.self) {
            _ = try QueryDecoder(format).decode(infinite, jsonBytes: body.jsonBytes)
        }
    }

    @Test("bytes changed at random are read or refused, and what is read is written again", arguments: 0..<4)
    func fuzz(seed: Int) throws {
        var generator = RandomGenerator(seed: UInt64(seed))
        let format = format(
            ImageShape(channels: 1, height: 2, width: 3), range: ValueRange(low: 0, high: 255),
            datatype: seed.isMultiple(of: 2) ? .uint8 : .float32)
        let encoder = QueryEncoder(format), decoder = QueryDecoder(format)
        let batch = batch(format.shape, rows: 2, seed: UInt64(seed))
        for turn in 0..<2_000 {
            var body =
                turn.isMultiple(of: 2) ? encoder.binaryBody(batch) : WireBody(bytes: encoder.body(batch))
            for _ in 0..<1 + generator.next() % 3 {
                let place = Int(generator.next() % UInt64(body.bytes.count))
                body.bytes[place] = UInt8(truncatingIfNeeded: generator.next())
            }
            if generator.next() % 8 == 0 { body.jsonBytes = Int(generator.next() % 200) - 10 }
            guard let read = try? decoder.decode(body.bytes, jsonBytes: body.jsonBytes) else { continue }
            let again = encoder.binaryBody(read)
            if format.datatype == .float32 {
                let back = try decoder.decode(again.bytes, jsonBytes: again.jsonBytes)
                #expect(back.rows == read.rows)
            } else {
                #expect(try decoder.decode(again.bytes, jsonBytes: again.jsonBytes).digests == read.digests)
            }
        }
    }
}
