import Foundation
import Neural
import Tensor
import Testing

@Suite struct SafetensorsTests {
    /// A file of a header and a number of data bytes.
    private static func file(_ header: String, data: Int = 8, length: UInt64? = nil) -> [UInt8] {
        let count = length ?? UInt64(header.utf8.count)
        return (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + Array(header.utf8)
            + [UInt8](repeating: 0, count: data)
    }

    private static func entry(_ name: String, _ type: String, _ shape: String, _ range: String) -> String {
        "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":\(range)}"
    }

    /// The same for two Float32 values.
    private static func entry(_ name: String, _ range: String) -> String { entry(name, "F32", "[2]", range) }

    @Test("reads what PyTorch's save_file wrote: F16, BF16 and a counter, as Float32")
    func types() throws {
        let path = try #require(Bundle.module.path(forResource: "Fixtures/types", ofType: "safetensors"))
        let file = try Safetensors(contentsOf: path)
        #expect(file.metadata == ["format": "pt", "note": "a \"quoted\" ü"])
        for name in ["half", "brain"] {
            let (found, expected) = (file.tensors[name]?.values, file.tensors[name + ".float"]?.values)
            #expect(found?.map(\.bitPattern) == expected?.map(\.bitPattern))
        }
        #expect(file.tensors["count"] == Tensor(shape: [], values: [7]))
    }

    @Test("what is written is read back, and equal contents give equal bytes")
    func roundTrip() throws {
        let file = Safetensors(
            tensors: [
                "b.weight": Tensor(shape: [2, 1], values: [1.5, -.pi]), "a": Tensor(shape: [], values: [7]),
                "empty": Tensor(shape: [0, 3]), "quote\"\n\u{1}é😀": Tensor(shape: [1], values: [0]),
            ], metadata: ["z": "\\", "a": "tab\t"])
        #expect(try Safetensors(bytes: file.bytes) == file)
        #expect(try Safetensors(bytes: file.bytes).bytes == file.bytes)
        #expect((8 + Int(file.bytes[0]) + Int(file.bytes[1]) << 8).isMultiple(of: 8))
        let none = Safetensors(tensors: [:], metadata: ["only": "this"])
        #expect(try Safetensors(bytes: none.bytes) == none)
    }

    @Test("reads escapes in names, surrogate pairs included")
    func escapes() throws {
        let header = "{\(Self.entry(#"\u00e9\ud83d\ude00\/\n"#, "[0,8]"))}"
        #expect(try Safetensors(bytes: Self.file(header)).tensors.keys.first == "é😀/\n")
    }

    static let bad: [(String, [UInt8], String)] = [
        ("no bytes", [], "truncated"), ("seven bytes", [2, 0, 0, 0, 0, 0, 0], "truncated"),
        ("header longer than the file", file("{}", length: 3 + 8 << 10), "truncated"),
        ("absurd header length", file("{}", length: .max), "headerTooLong"),
        ("empty header", file("", data: 0), "malformedHeader"),
        ("not JSON", file("hello", data: 0), "malformedHeader"),
        ("array", file("[]", data: 0), "malformedHeader"),
        ("text after the object", file("{}x", data: 0), "malformedHeader"),
        ("unclosed", file("{\(entry("a", "[0,8]"))"), "malformedHeader"),
        ("unclosed string", file("{\"a"), "malformedHeader"),
        ("control character", file("{\"a\u{1}\":1}"), "malformedHeader"),
        ("bad escape", file(#"{"\x":1}"#), "malformedHeader"),
        ("lone surrogate", file(#"{"\ud83d":{}}"#), "malformedHeader"),
        ("bad UTF-8", file("{\"").dropLast(8) + [0xFF, 0x22, 0x3A], "truncated|malformedHeader"),
        ("missing shape", file(#"{"a":{"dtype":"F32","data_offsets":[0,8]}}"#), "malformedHeader"),
        (
            "unknown field", file(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"b":"c"}}"#),
            "malformedHeader"
        ),
        (
            "field twice", file(#"{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#),
            "malformed"
        ),
        ("three offsets", file("{\(entry("a", "[0,8,8]"))}"), "malformedHeader"),
        ("negative offset", file("{\(entry("a", "[-8,0]"))}"), "malformedHeader"),
        ("fraction", file("{\(entry("a", "[0,8.0]"))}"), "malformedHeader"),
        ("number too long", file("{\(entry("a", "[0,99999999999999999999]"))}"), "malformedHeader"),
        ("metadata that is no string", file(#"{"__metadata__":{"a":1}}"#, data: 0), "malformedHeader"),
        ("name twice", file("{\(entry("a", "[0,4]")),\(entry("a", "[4,8]"))}"), "duplicateName"),
        ("metadata twice", file(#"{"__metadata__":{},"__metadata__":{}}"#, data: 0), "duplicateName"),
        ("metadata key twice", file(#"{"__metadata__":{"a":"b","a":"c"}}"#, data: 0), "duplicateName"),
        ("unsupported type", file("{\(entry("a", "F64", "[1]", "[0,8]"))}"), "unsupportedType"),
        ("range too short", file("{\(entry("a", "F32", "[3]", "[0,8]"))}"), "badRange"),
        ("range reversed", file("{\(entry("a", "[8,0]"))}"), "badRange"),
        (
            "shape overflows", file("{\(entry("a", "F32", "[4294967296,4294967296,4294967296]", "[0,8]"))}"),
            "badRange"
        ),
        ("past the end", file("{\(entry("a", "F32", "[4]", "[0,16]"))}"), "truncated"),
        ("overlap", file("{\(entry("a", "[0,8]")),\(entry("b", "[4,12]"))}", data: 12), "overlapOrGap"),
        ("gap", file("{\(entry("a", "[4,12]"))}", data: 12), "overlapOrGap"),
        ("bytes of no tensor", file("{\(entry("a", "[0,8]"))}", data: 9), "overlapOrGap"),
    ]

    @Test("refuses a bad file with the reason", arguments: bad.indices)
    func badFiles(index: Int) {
        let (name, bytes, expected) = Self.bad[index]
        let error = #expect(throws: SafetensorsError.self, "\(name)") { try Safetensors(bytes: Array(bytes)) }
        let found = error.map { "\($0)" } ?? ""
        let kind =
            error.map { String(String(reflecting: Mirror(reflecting: $0).children.first?.label ?? "")) } ?? ""
        #expect(expected.split(separator: "|").contains { kind.contains($0) }, "\(name): \(found)")
    }

    @Test("refuses a good file cut at any byte")
    func truncated() {
        let bytes = Safetensors(tensors: ["a": Tensor(shape: [2], values: [1, 2])], metadata: ["b": "c"])
            .bytes
        for count in 0..<bytes.count {
            #expect(throws: SafetensorsError.self) { try Safetensors(bytes: Array(bytes[..<count])) }
        }
    }

    @Test("replaces a file whole and leaves nothing beside it")
    func write() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("weights.safetensors").path
        for value: Float in [1, 2] {
            let file = Safetensors(tensors: ["a": Tensor(shape: [1], values: [value])])
            try file.write(to: path)
            #expect(try Safetensors(contentsOf: path) == file)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["weights.safetensors"])
    }

    @Test("says which file cannot be read or written, and why")
    func files() {
        let missing = "/nonexistent/folder/file"
        let error = #expect(throws: SafetensorsError.self) { try Safetensors(contentsOf: missing) }
        #expect(error?.description == "cannot read \(missing): No such file or directory")
        #expect(throws: SafetensorsError.self) { try Safetensors(contentsOf: "/") }
        #expect(throws: SafetensorsError.self) { try Safetensors(tensors: [:]).write(to: missing) }
        #expect(throws: SafetensorsError.self) { try Safetensors(tensors: [:]).write(to: "/dev/full/file") }
    }
}
