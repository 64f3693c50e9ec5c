import Testing

@testable import Settings

@Suite("Reference")
struct ReferenceTests {
    private let reference = SettingsReference()

    @Test("every key has a description that is a sentence, a type and a place")
    func complete() {
        #expect(reference.entries.count > 70)
        for entry in reference.entries {
            #expect(entry.about.count >= 8 && entry.about.hasSuffix("."), "\(entry.path)")
            #expect(!entry.type.isEmpty, "\(entry.path)")
        }
        #expect(Set(reference.entries.map(\.path)).count == reference.entries.count)
    }

    @Test("the reference knows every path that a configuration with everything in it gives")
    func coversConfigurations() throws {
        let known = Set(reference.entries.map(\.path))
        for url in fixtures("good") {
            for value in try load(String(contentsOf: url, encoding: .utf8)).effective {
                let path = value.path.replacing(#/\[\d+\]/#, with: "[]")
                    .replacing(#/^(upstreams|models|policies|rates)\.[^.]+/#) { "\($0.output.1).<name>" }
                #expect(known.contains(path), "\(path)")
            }
        }
    }

    @Test(
        "the Markdown has every key once in its own table row, and defaults as the configuration spells them")
    func markdown() {
        let text = reference.markdown
        for entry in reference.entries where entry.path.contains(".") || entry.path.contains("[") {
            #expect(text.ranges(of: "| `\(entry.path)` |").count == 1, "\(entry.path)")
        }
        #expect(text.contains("| `limits.request_head_bytes` | size | `32KiB` |"))
        #expect(text.contains("| `upstreams.<name>.servers[].url` | URL | *required* |"))
        #expect(text.contains("| `logs.access` | section | not written |"))
    }
}

@Suite("Suggestions")
struct SuggestionTests {
    @Test(
        "the edit distance is that of the published examples",
        arguments: [
            ("kitten", "sitting", 3), ("saturday", "sunday", 3), ("", "abc", 3), ("abc", "abc", 0),
            ("ab", "ba", 1),
            ("gumbo", "gambol", 2),
        ])
    func distances(_ a: String, _ b: String, _ edits: Int) {
        #expect(editDistance(Array(a), Array(b)) == edits)
        #expect(editDistance(Array(b), Array(a)) == edits)
    }

    @Test("a word far from all known ones suggests nothing")
    func far() {
        #expect(nearestWord(to: "xyzzy", among: ["limits", "listen"]) == nil)
        #expect(nearestWord(to: "limts", among: ["limits", "listen"]) == "limits")
        #expect(nearestWord(to: String(repeating: "l", count: 100_000), among: ["limits"]) == nil)
    }
}

@Suite("Paths")
struct PathPatternTests {
    @Test("an exact pattern takes its path alone, a prefix all below it")
    func matches() {
        #expect(PathPattern.exact("/a").matches("/a"))
        #expect(!PathPattern.exact("/a").matches("/a/"))
        #expect(PathPattern.prefix("/a/").matches("/a/b"))
        #expect(!PathPattern.prefix("/a/").matches("/ab"))
        #expect(PathPattern.prefix("/").matches("/anything"))
    }

    @Test("covering means that every path the other takes is taken")
    func covers() {
        #expect(PathPattern.prefix("/").covers(.prefix("/a/")))
        #expect(PathPattern.prefix("/a/").covers(.exact("/a/b")))
        #expect(!PathPattern.exact("/a/").covers(.prefix("/a/")))
        #expect(!PathPattern.prefix("/a/").covers(.prefix("/")))
    }
}
