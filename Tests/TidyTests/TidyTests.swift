import Foundation
import Testing

@Suite("Tidy")
struct TidyTests {
    private let tree: SourceTree
    private let map: ModuleMap

    init() throws {
        tree = try SourceTree()
        map = try ModuleMap(manifest: tree.text("Package.swift"))
    }

    /// Records every complaint at once, so that one run shows all there is to do.
    private func expectNone(_ complaints: [String]) {
        #expect(complaints.isEmpty, "\(complaints.count):\n\(complaints.joined(separator: "\n"))")
    }

    @Test("the manifest gives no room a dependency that the module map does not allow")
    func manifest() {
        #expect(map.declared.count > 15)
        expectNone(
            map.declared.filter { $0.key != "samegate" }.flatMap { target, dependencies in
                guard let allowed = ModuleMap.allowed[target] else {
                    return ["\(target) is not in the module map"]
                }
                return dependencies.subtracting(allowed).map { "\(target) may not depend on \($0)" }
            }.sorted())
    }

    @Test("a room imports what the manifest gives it and nothing that only comes along")
    func imports() {
        var complaints: [String] = []
        for file in tree.files where !file.isTest {
            let allowed = (map.declared[file.target] ?? []).union(ModuleMap.system)
            for (index, line) in file.lines.enumerated() {
                if let module = ModuleMap.imported(by: line), !allowed.contains(module) {
                    complaints.append("\(file.path):\(index + 1): \(file.target) imports \(module)")
                }
            }
        }
        expectNone(complaints)
    }

    @Test("no file is longer than 400 lines")
    func fileLength() {
        expectNone(tree.files.filter { $0.lines.count > 401 }.map { "\($0.path): \($0.lines.count) lines" })
    }

    @Test("no function is longer than 70 lines, and half of them are shorter than 10")
    func functionLength() {
        let functions = tree.files.flatMap { file in Functions(file.lines).all.map { (file, $0) } }
        expectNone(
            functions.filter { $0.1.length > 70 }.map {
                "\($0.path):\($1.line): \($1.length) lines: \($1.signature)"
            })
        let lengths = functions.filter { !$0.0.isTest }.map(\.1.length).sorted()
        #expect(!lengths.isEmpty && lengths[lengths.count / 2] < 12, "braces counted")
    }

    @Test("every package symbol has a doc comment")
    func documentation() {
        expectNone(
            tree.files.filter { !$0.isTest }.flatMap { file in
                Documentation.missing(in: file.lines).map { "\(file.path):\($0.line): \($0.text)" }
            })
    }

    @Test("nothing traps that bad input could reach, and what the compiler is told to believe is explained")
    func promises() {
        var complaints: [String] = []
        let banned = ["fatalError(", "try!", " as! "]
        let promised = ["@unchecked Sendable", "nonisolated(unsafe)"]
        for file in tree.files where !file.isTest {
            for (index, line) in file.lines.enumerated() {
                for word in banned where line.contains(word) && line.code.contains(word) {
                    complaints.append("\(file.path):\(index + 1): \(word)")
                }
                for word in promised where line.contains(word) && line.code.contains(word) {
                    let around = file.lines[max(0, index - 3)...min(file.lines.count - 1, index + 3)]
                    if !around.contains(where: { $0.contains("ecause") }) {
                        complaints.append("\(file.path):\(index + 1): \(word) without a reason")
                    }
                }
            }
        }
        expectNone(complaints)
    }

    @Test("no file holds a marker for work left undone, or a path of one machine")
    func leftovers() {
        // In two pieces, so that this file does not hold them itself.
        let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X:", "HA" + "CK", "/ro" + "ot/", "/wo" + "rk/"]
        expectNone(
            tree.files.flatMap { file in
                file.lines.enumerated().flatMap { index, line in
                    words.filter { line.contains($0) }.map { "\(file.path):\(index + 1): \($0)" }
                }
            })
    }
}

@Suite("Tidy's own eyes")
struct TidyParsingTests {
    @Test("the manifest's targets and dependencies are read from its text")
    func manifest() {
        let map = ModuleMap(
            manifest: """
                targets: [
                    .target(name: "A", cSettings: [.unsafeFlags(["-O2"])]),
                    .target(
                        name: "B", dependencies: ["A", .product(name: "Logging", package: "swift-log")],
                        swiftSettings: strict),
                    .executableTarget(name: "c", dependencies: ["B"]),
                ]
                .testTarget(name: "\\(room)Tests", dependencies: [.target(name: room)])
                """)
        #expect(map.declared == ["A": [], "B": ["A", "Logging"], "c": ["B"]])
    }

    @Test("imports are told from other lines")
    func imports() {
        #expect(ModuleMap.imported(by: "import Foundation") == "Foundation")
        #expect(ModuleMap.imported(by: "@testable import Settings // why") == "Settings")
        #expect(ModuleMap.imported(by: "internal import struct Foundation.URL") == "Foundation")
        #expect(ModuleMap.imported(by: "// import Yams") == nil)
        #expect(ModuleMap.imported(by: "let import = 5") == nil)
    }

    @Test("a function's length is that of its braces, whatever stands in strings and comments")
    func functions() {
        let lines = [
            "protocol P {", "    func none()", "}", "struct S {", "    init() {",
            "        let x = \"}{\" // }",
            "    }",
            "    func f(", "        a: Int", "    ) -> Int {", "        { 5 }()", "        \"\"\"",
            "        }}}", "        \"\"\"",
            "    }", "}",
        ]
        #expect(Functions(lines).all.map(\.length) == [3, 6])
        #expect(Functions(lines).all.map(\.line) == [5, 8])
    }

    @Test(
        "a package symbol's doc comment may stand above its attributes and its run of properties")
    func documentation() {
        let lines = [
            "/// Known.", "@frozen", "package struct A {", "    package var b = 1", "    package let c = 2",
            "",
            "    package var d = 3", "    package init() {}", "    package var description: String { \"\" }",
            "}",
            "extension A { package func f() {} }", "/// Known.", "package func g() {}", "package struct B {}",
        ]
        #expect(Documentation.missing(in: lines).map(\.line) == [7, 11, 14])
    }
}
