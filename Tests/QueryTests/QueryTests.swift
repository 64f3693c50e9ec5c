import Tensor
import TestSupport
import Testing

@testable import Query

extension QueryFormat {
    static func make(
        name: String? = nil, layout: PixelLayout = .hwc, low: Double = 0, high: Double = 1,
        shape: (channels: Int, height: Int, width: Int) = (1, 2, 3), rowsMax: Int = 8
    ) -> QueryFormat {
        QueryFormat(
            inputName: name, layout: layout, range: ValueRange(low: low, high: high),
            shape: ImageShape(channels: shape.channels, height: shape.height, width: shape.width),
            rowsMax: rowsMax)
    }
}

extension QueryDecoder {
    func decode(_ text: String) throws(DecodeError) -> QueryBatch { try decode(Array(text.utf8)) }
}

@Suite("Query: reading pictures")
struct QueryDecoderTests {
    static let rows = [[0, 0.25, 0.5], [0.75, 1, 0.125]]
    /// Six pixels mapped to −1…1 by hand.
    static let canonical: [Float] = [-1, -0.5, 0, 0.5, 1, -0.75]

    @Test(
        "one picture has one tensor and one digest in every form it may come in",
        arguments: [
            #"{"instances":[[[0,0.25,0.5],[0.75,1,0.125]]]}"#,
            #"{"instances":[[[[0],[0.25],[0.5]],[[0.75],[1],[0.125]]]]}"#,
            #"{"instances":[[0,0.25,0.5,0.75,1,0.125]]}"#,
            #"{"inputs":[[[0,0.25,0.5],[0.75,1,0.125]]]}"#,
            #"{"inputs":[[0,0.25,0.5,0.75,1,0.125]]}"#,
            #"{"inputs":{"image":[[[0,0.25,0.5],[0.75,1,0.125]]]}}"#,
            #"{"instances":[{"image":[[0,0.25,0.5],[0.75,1,0.125]]}]}"#,
            #"{"signature_name":"serving_default","instances":[[0,25e-2,5E-1,75e-2,1.0,0.1250]]}"#,
            #"{"instances":[[-0.0,0.25,0.5,0.75,1e0,1.25e-1]],"signature_name":"serving_default"}"#,
            #"{"in\u0073tances":[[0,0.25,0.5,0.75,1,0.125]],"extra":{"a":[null,true,"x\n"]}}"#,
            " {\t\"instances\" :\r\n[ [ 0 , 0.25 , 0.5 , 0.75 , 1 , 0.125 ] ] } ",
        ])
    func forms(text: String) throws {
        let decoder = QueryDecoder(.make())
        let batch = try decoder.decode(text)
        #expect(batch.rows == 1)
        #expect(batch.values == Self.canonical)
        let reference = QueryBatch(shape: batch.shape, values: Self.canonical)
        #expect(batch.digests == reference.digests)
        #expect(batch.digest == reference.digest)
    }

    @Test("names are taken as the route says", arguments: [QueryEncoder.Form.rows, .columns])
    func names(form: QueryEncoder.Form) throws {
        let shape = ImageShape(channels: 1, height: 2, width: 3)
        let batch = QueryBatch(shape: shape, values: Self.canonical + Self.canonical.reversed())
        let named = QueryFormat.make(name: "im\"age\\\u{1}é")
        let body = QueryEncoder(named).body(batch, form: form)
        #expect(try QueryDecoder(named).decode(body).digests == batch.digests)
        #expect(try QueryDecoder(.make()).decode(body).digests == batch.digests, "any one name")
        #expect(throws: DecodeError.self) { try QueryDecoder(.make(name: "x")).decode(body) }
    }

    @Test(
        "each layout's order of dimensions becomes channels, height, width",
        arguments: [PixelLayout.hwc, .chw], [false, true])
    func layouts(layout: PixelLayout, isFlat: Bool) throws {
        let (channels, height, width) = (3, 2, 4)
        let format = QueryFormat.make(layout: layout, low: -1, high: 1, shape: (channels, height, width))
        // Pixel (c, y, x) is the number c.yx, so that any mistake in the order shows.
        func pixel(_ c: Int, _ y: Int, _ x: Int) -> String { "\(c).\(y)\(x)" }
        func list(_ items: [String]) -> String {
            isFlat ? items.joined(separator: ",") : "[\(items.joined(separator: ","))]"
        }
        let nested =
            layout == .hwc
            ? list(
                (0..<height).map { y in
                    list((0..<width).map { x in list((0..<channels).map { pixel($0, y, x) }) })
                })
            : list(
                (0..<channels).map { c in
                    list((0..<height).map { y in list((0..<width).map { pixel(c, y, $0) }) })
                })
        let body = "{\"instances\":[\(isFlat ? "[\(nested)]" : nested)]}"
        let expected = (0..<channels).flatMap { c in
            (0..<height).flatMap { y in (0..<width).compactMap { Float(pixel(c, y, $0)) } }
        }
        #expect(try QueryDecoder(format).decode(body).values == expected)
    }

    @Test("a batch keeps its rows apart and in order")
    func batches() throws {
        let batch = try QueryDecoder(.make()).decode(
            #"{"instances":[[0,0,0,0,0,0],[[1,1,1],[1,1,1]],[0,0,0,0,0,0]]}"#)
        #expect(batch.rows == 3)
        #expect(Array(batch.row(1)) == [Float](repeating: 1, count: 6))
        #expect(batch.digests[0] == batch.digests[2])
        #expect(batch.digests[0] != batch.digests[1])
    }

    @Test("the digest depends on the shape, not on the values alone")
    func shapeInDigest() {
        let values = [Float](repeating: 0.5, count: 12)
        let shapes = [(1, 3, 4), (1, 4, 3), (3, 2, 2), (3, 4, 1)]
        let digests = shapes.map {
            QueryBatch(shape: ImageShape(channels: $0.0, height: $0.1, width: $0.2), values: values).digests[
                0]
        }
        #expect(Set(digests).count == shapes.count)
    }

    @Test("values beyond the route's range are kept for the score to judge")
    func beyondRange() throws {
        let batch = try QueryDecoder(.make(low: 0, high: 255)).decode(
            #"{"inputs":[[0,255,510,-255,127.5,1e6]]}"#)
        #expect(batch.values == [-1, 1, 3, -3, 0, Float(1e6 * 2 / 255 - 1)])
    }

    @Test(
        "encoding and decoding give the batch again", arguments: [PixelLayout.hwc, .chw],
        QueryEncoder.Form.allCases)
    func encoder(layout: PixelLayout, form: QueryEncoder.Form) throws {
        var random = SeededGenerator(seed: 7)
        let format = QueryFormat.make(layout: layout, low: -1, high: 1, shape: (3, 5, 4))
        let values = (0..<3 * 60).map { _ in Float.random(in: -1...1, using: &random) }
        let batch = QueryBatch(shape: format.shape, values: values)
        #expect(
            try QueryDecoder(format).decode(QueryEncoder(format).body(batch, form: form)).values == values)
        let bytes = QueryFormat.make(layout: layout, low: 0, high: 255, shape: (3, 5, 4))
        let again = try QueryDecoder(bytes).decode(QueryEncoder(bytes).body(batch, form: form)).values
        #expect(zip(again, values).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    /// The oracle is the change of range in double precision, rounded once.
    @Test(
        "the 256 levels of 8-bit pictures are the range's own numbers, however canonical values were rounded",
        arguments: [
            (0, 1), (-1, 1), (0, 255), (-128, 127), (0, 510), (0, 100), (-0.5, 0.5), (-2.1179, 2.64),
        ] as [(Double, Double)])
    func levels(low: Double, high: Double) throws {
        let format = QueryFormat.make(low: low, high: high, shape: (1, 16, 16))
        let expected = (0...255).map { Float(low + (high - low) * Double($0) / 255) }
        for canonical: (Float) -> Float in [
            { -1 + 2 * ($0 / 255) }, { $0 / 127.5 - 1 }, { $0 * (2 / 255) - 1 },
        ] {
            let values = (0...255).map { canonical(Float($0)) }
            let wire = values.map(format.range.wire)
            if (low, high) == (-1, 1) {
                #expect(wire == values, "nothing to change")
            } else {
                #expect(wire == expected)
            }
            let batch = QueryBatch(shape: format.shape, values: values)
            let read = try QueryDecoder(format).decode(QueryEncoder(format).body(batch)).values
            #expect(zip(read, values).allSatisfy { abs($0 - $1) < 4e-7 })
            let levels = read.map { Int((($0 + 1) * 127.5).rounded()) }
            #expect(levels == Array(0...255))
        }
    }

    @Test("levels are written as integers where the range makes them whole, and only there")
    func wholeLevels() {
        func body(_ low: Double, _ high: Double, _ values: [Float]) -> String {
            let format = QueryFormat.make(low: low, high: high, shape: (1, 1, 4))
            let batch = QueryBatch(shape: format.shape, values: values)
            return String(decoding: QueryEncoder(format).body(batch), as: UTF8.self)
        }
        let levels = [0, 3, 64, 255].map { -1 + 2 * (Float($0) / 255) }
        #expect(body(0, 255, levels) == #"{"instances":[[[[0],[3],[64],[255]]]]}"#)
        #expect(body(-128, 127, levels) == #"{"instances":[[[[-128],[-125],[-64],[127]]]]}"#)
        #expect(body(0, 510, levels) == #"{"instances":[[[[0],[6],[128],[510]]]]}"#)
        #expect(body(0, 1, [-1, 0, 1, 3]) == #"{"instances":[[[[0.0],[0.5],[1.0],[2.0]]]]}"#)
        #expect(body(-1, 1, [-1, -0.0, 1, 3]) == #"{"instances":[[[[-1.0],[0.0],[1.0],[3.0]]]]}"#)
        #expect(body(0, 255, [0, 3, -3, 1e30]) == #"{"instances":[[[[127.5],[510],[-255],[1.275e+32]]]]}"#)
    }

    @Test("what lies between levels is not moved to one")
    func betweenLevels() {
        let range = ValueRange(low: 0, high: 255)
        for level in stride(from: 0.0, through: 254, by: 1) {
            for share in [0.001, 0.01, 0.5, 0.99, 0.999] {
                let canonical = Float((level + share) / 127.5 - 1)
                let exact = (Double(canonical) + 1) * 127.5
                #expect(abs(Double(range.wire(canonical)) - exact) <= exact * 0x1p-24)
            }
        }
    }

    @Test("digests are what an independent program computes from their definition")
    func golden() {
        // Python: sha256(b"samegate row 1" + pack("<QQQ", 1, 2, 3) + pack("<6f", *values)), then
        // sha256(b"samegate batch 1" + row).
        let batch = QueryBatch(shape: ImageShape(channels: 1, height: 2, width: 3), values: Self.canonical)
        let row = "b1a83ec7b61b66f2c19ba46bd2bc950f09a394852390f8f73202f7bcaea58017"
        #expect(batch.digests.map(\.hex) == [row])
        #expect(batch.digest.hex == "73451395bb246fa06ee62ec6bcb96b4e5a98f05b7b753390fa7ec64cbeec3893")
    }

    @Test("a format that cannot work says so for each mistake")
    func formatProblems() {
        #expect(QueryFormat.make().problems.isEmpty)
        let bad = QueryFormat.make(layout: .hw, low: 1, high: 1, shape: (3, 2, 2), rowsMax: 0)
        #expect(bad.problems.count == 3)
        #expect(!QueryFormat.make(low: .nan).problems.isEmpty)
        #expect(!QueryFormat.make(shape: (1, 0, 2)).problems.isEmpty)
    }
}
