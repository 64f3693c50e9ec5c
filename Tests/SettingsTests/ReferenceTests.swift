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

    private func routed(_ path: String) -> String { base().replacing("path: /*", with: "path: '\(path)'") }

    @Test(
        "a configured path is read as a request's is, decoded once, and is printed so that it reads back",
        arguments: [
            ("/v1/models/%6dnist:predict", PathPattern.exact("/v1/models/mnist:predict")),
            ("/caf%C3%A9/*", .prefix("/caf\u{E9}/")), ("/a%20b/c", .exact("/a b/c")),
            ("/100%25", .exact("/100%")), ("/a%2Ab", .exact("/a*b")), ("/a%3Fb%23", .exact("/a?b#")),
            ("/a/", .exact("/a/")), ("/*", .prefix("/")), ("/a..b/.c", .exact("/a..b/.c")),
        ])
    func decoded(text: String, pattern: PathPattern) throws {
        #expect(try load(routed(text)).settings.routes[0].path == pattern)
        #expect(try load(routed(pattern.description)).settings.routes[0].path == pattern)
    }

    @Test(
        "a path that no request can have is an error that says why, and what to write where that can be told",
        arguments: [
            ("/a//b", "an empty segment is refused; write /a/b"),
            ("//*", "an empty segment is refused; write /*"),
            ("/a/./b/../c/*", "a dot segment is refused; write /a/c/*"),
            ("/a/b/%2E.", "a dot segment is refused; write /a/"),
            ("/a;v=1/b", "a semicolon is refused; write /a/b"),
            ("/a%3Bv/b", "a semicolon is refused; write /a/b"),
            ("/a%2Fb", "an encoded slash is refused; write /a/b"),
            ("/a%2F%2Fb", "an encoded slash is refused"), ("/a/%", "(%25 is a percent sign) is refused"),
            ("/a%252F", "an encoded encoding is refused"), ("/a\\b", "a backslash is refused"),
            ("/a%00", "a control character is refused"), ("/%FF", "bytes that are no UTF-8 is refused"),
        ])
    func refused(path: String, end: String) {
        let found = problems(routed(path))
        #expect(found.count == 1)
        #expect(
            found.first?.contains("routes[0].path: '\(path)' takes no request: one whose path has ") == true)
        #expect(found.first?.hasSuffix(end) == true, "\(found)")
    }

    @Test("covering means that every path the other takes is taken")
    func covers() {
        #expect(PathPattern.prefix("/").covers(.prefix("/a/")))
        #expect(PathPattern.prefix("/a/").covers(.exact("/a/b")))
        #expect(!PathPattern.exact("/a/").covers(.prefix("/a/")))
        #expect(!PathPattern.prefix("/a/").covers(.prefix("/")))
    }
}
