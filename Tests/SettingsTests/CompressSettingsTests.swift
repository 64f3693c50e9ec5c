import Foundation
import Testing

@testable import Settings

@Suite("Compression")
struct CompressSettingsTests {
    @Test("left out, nothing is compressed; a bare section has the defaults; a route's stands for itself")
    func sections() throws {
        #expect(try load(base("")).settings.compress == nil)
        let bare = try #require(try load(base("compress: {}")).settings.compress)
        #expect(bare.isEnabled && bare.bytesMin == 1024 && bare.level == 1)
        #expect(bare.types.map(\.description) == ["application/json", "text/*"])
        let off = try #require(try load(base("compress: {enabled: false}")).settings.compress)
        #expect(!off.isEnabled)
    }

    @Test("types are type/subtype or type/*, in any case")
    func types() throws {
        let text = "compress: {types: [Text/HTML, application/vnd.api+json, image/*]}"
        let settings = try #require(try load(base(text)).settings.compress)
        #expect(settings.types.map(\.description) == ["text/html", "application/vnd.api+json", "image/*"])
        for wrong in ["text", "*/*", "text/", "/html", "text/a b", "text/html;q=1", "a/b/c"] {
            #expect(throws: (any Error).self) { try load(base("compress: {types: [\"\(wrong)\"]}")) }
        }
    }

    @Test("what the example's comments spell out as defaults are the defaults")
    func example() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let text = try String(
            contentsOf: root.appendingPathComponent("Config/samegate.yaml"), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let first = try #require(lines.firstIndex { $0.hasPrefix("# compress:") })
        let section = lines[first...].prefix { $0.hasPrefix("#") }.map { $0.dropFirst(2) }.joined(
            separator: "\n")
        #expect(try load(base(section)).settings.compress == load(base("compress: {}")).settings.compress)
    }
}
