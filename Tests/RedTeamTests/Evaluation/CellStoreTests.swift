import Foundation
import TestSupport
import Testing

@testable import RedTeam

@Suite("Finished cells")
struct CellStoreTests {
    @Test("a value is made once for each key and reads back as the same bits")
    func keeps() throws {
        let folder = try ScratchFolder()
        var made = 0
        let make = { () -> [Double] in
            made += 1
            return [0.1, 1.0 / 3, 2.5e-308, -0.0, 1e300]
        }
        let store = try CellStore(folder: folder.path, resumes: true)
        let first = try store.value("k", ["a": "1"], make: make)
        let again = try store.value("k", ["a": "1"], make: make)
        #expect(made == 1 && first.map(\.bitPattern) == again.map(\.bitPattern))
        _ = try store.value("k", ["a": "2"], make: make)
        _ = try store.value("other", ["a": "1"], make: make)
        #expect(made == 3)
        _ = try CellStore(folder: folder.path, resumes: false).value("k", ["a": "1"], make: make)
        #expect(made == 4, "without resuming everything is made anew")
    }

    @Test("keys whose parts run together alike are told apart")
    func digests() {
        let keys: [[String: String]] = [
            ["a": "bc"], ["ab": "c"], ["a": "b", "c": ""], ["a": "b", "": "c"], [:],
        ]
        #expect(Set(keys.map(CellStore.digest)).count == keys.count)
    }

    @Test("a cell from before keys came to mean other values is made anew")
    func otherVersion() throws {
        let folder = try ScratchFolder()
        let store = try CellStore(folder: folder.path, resumes: true)
        let key = ["a": "1", "kind": "k", "version": "1"]
        let file = try JSONSerialization.data(withJSONObject: ["key": key, "value": 7] as [String: Any])
        try folder.write(Array(file), to: "cells/k-\(CellStore.digest(key)).json")
        #expect(try store.value("k", ["a": "1"]) { 8 } == 8)
        #expect(try store.value("k", ["a": "1"]) { 9 } == 8)
    }

    @Test(
        "a damaged cell, or one of another key, is made anew",
        arguments: ["{", "{\"key\":{},\"value\":[1]}", ""])
    func damage(_ text: String) throws {
        let folder = try ScratchFolder()
        let store = try CellStore(folder: folder.path, resumes: true)
        _ = try store.value("k", ["a": "1"]) { 7 }
        let name = try #require(FileManager.default.contentsOfDirectory(atPath: folder.file("cells")).first)
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file("cells/\(name)")))
        #expect(try store.value("k", ["a": "1"]) { 8 } == 8)
        #expect(try store.value("k", ["a": "1"]) { 9 } == 8)
    }
}
