import Foundation
import SAME
import TestSupport
import Testing

@Suite("Places that bundles are written to")
struct SealedPlaceTests {
    /// Why a bundle is refused at the place, early and when it is written; nil where it is not. Both judge alike, and what is
    /// refused stays as it is.
    private func refusal(
        _ folder: ScratchFolder, _ name: String = "b", replacing: Bool = true,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> BundleError? {
        let path = folder.file(name)
        let before = try? FileManager.default.subpathsOfDirectory(atPath: path).sorted()
        var early: BundleError?
        do throws(BundleError) {
            try ModelBundle.refuseOccupied(path + "/", replacing: replacing)
        } catch {
            early = error
        }
        let bundle = try Fitted.bundle(seed: 2)
        do throws(BundleError) {
            try bundle.write(to: path, replacing: replacing)
            #expect(early == nil, "refused early alone", sourceLocation: sourceLocation)
            #expect(try ModelBundle(contentsOf: path).manifest.provenance.seed == 2)
        } catch {
            #expect(early == error, sourceLocation: sourceLocation)
            let after = try? FileManager.default.subpathsOfDirectory(atPath: path).sorted()
            #expect(after == before, sourceLocation: sourceLocation)
        }
        return early
    }

    private func made(_ names: String...) throws -> ScratchFolder {
        let folder = try ScratchFolder()
        for name in names {
            try FileManager.default.createDirectory(
                atPath: folder.file(name), withIntermediateDirectories: true)
        }
        return folder
    }

    @Test("nothing and an empty directory are free")
    func free() throws {
        #expect(try refusal(try ScratchFolder(), replacing: false) == nil)
        #expect(try refusal(try made("b"), replacing: false) == nil)
    }

    @Test("a web folder with a manifest.json of its own is left alone, whatever may be replaced")
    func webFolder() throws {
        let folder = try made("b/js")
        try folder.write(Array(#"{"name":"App","start_url":"."}"#.utf8), to: "b/manifest.json")
        try folder.write([1], to: "b/index.html")
        try folder.write([2], to: "b/js/app.js")
        let error = try refusal(folder)
        let holds = ["index.html", "js", "manifest.json"]
        #expect(error == .occupied(path: folder.file("b"), noun: "bundle", holds: holds))
        #expect(error?.description.contains("index.html, js, manifest.json") == true)
        #expect(try folder.bytes("b/index.html") == [1] && folder.bytes("b/js/app.js") == [2])
    }

    @Test(
        "a manifest that is not this program's, or not one of a bundle, is none",
        arguments: [
            "", "[]", #"{"format":"samegate-bundle"}"#, #"{"format":"samegate-model","files":{}}"#,
            #"{"format":"other","files":{}}"#,
        ])
    func otherManifest(text: String) throws {
        let folder = try made("b")
        try folder.write(Array(text.utf8), to: "b/manifest.json")
        let expected = BundleError.occupied(
            path: folder.file("b"), noun: "bundle", holds: ["manifest.json"])
        #expect(try refusal(folder) == expected)
        #expect(try folder.bytes("b/manifest.json") == Array(text.utf8))
    }

    @Test("a finished bundle is replaced where that is asked for, and named with --replace where it is not")
    func finished() throws {
        let folder = try ScratchFolder()
        try Fitted.bundle(seed: 1).write(to: folder.file("b"), replacing: false)
        let error = try refusal(folder, replacing: false)
        #expect(error == .finished(path: folder.file("b"), noun: "bundle"))
        #expect(error?.description.contains("--replace") == true)
        #expect(try ModelBundle(contentsOf: folder.file("b")).manifest.provenance.seed == 1)
        #expect(try refusal(folder) == nil)
        #expect(folder.names == ["b"])
    }

    @Test("a bundle of another version, or one that lacks a file, may be replaced")
    func otherVersion() throws {
        let folder = try ScratchFolder()
        try Fitted.bundle().write(to: folder.file("b"))
        try FileManager.default.removeItem(atPath: folder.file("b/mae.safetensors"))
        let text = String(decoding: try folder.bytes("b/manifest.json"), as: UTF8.self)
        let other = text.replacingOccurrences(of: #""version" : 1"#, with: #""version" : 9, "later" : 1"#)
        try #require(other != text)
        try folder.write(Array(other.utf8), to: "b/manifest.json")
        #expect(try refusal(folder) == nil)
    }

    @Test(
        "what somebody has put into a bundle is not lost with it, hidden or not",
        arguments: ["README.txt", ".DS_Store"])
    func strangers(name: String) throws {
        let folder = try ScratchFolder()
        try Fitted.bundle().write(to: folder.file("b"))
        try folder.write([7], to: "b/" + name)
        let error = try refusal(folder)
        #expect(error == .strangers(path: folder.file("b"), noun: "bundle", holds: [name]))
        #expect(error?.description.contains(name) == true)
        #expect(try folder.bytes("b/" + name) == [7])
    }

    @Test("a folder with the name of a sealed file is somebody's; of many things the first are named")
    func many() throws {
        let folder = try ScratchFolder()
        try Fitted.bundle().write(to: folder.file("b"))
        try FileManager.default.removeItem(atPath: folder.file("b/mae.safetensors"))
        try FileManager.default.createDirectory(
            atPath: folder.file("b/mae.safetensors"), withIntermediateDirectories: false)
        for index in 1...6 { try folder.write([0], to: "b/\(index)") }
        let text = try refusal(folder)?.description
        #expect(text?.contains("1, 2, 3, 4, 5 and 2 more") == true, "\(text ?? "")")
    }

    @Test("a file, and a link that leads nowhere, are no place for a directory")
    func noFolder() throws {
        let folder = try ScratchFolder()
        try folder.write([1], to: "b")
        #expect(try refusal(folder) == .occupied(path: folder.file("b"), noun: "bundle", holds: []))
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("link"), withDestinationPath: folder.file("nowhere"))
        let expected = BundleError.occupied(path: folder.file("link"), noun: "bundle", holds: [])
        #expect(try refusal(folder, "link") == expected)
        #expect(try folder.bytes("b") == [1])
    }

    @Test("a bundle is not written over a model, nor a model over a bundle")
    func otherKind() throws {
        let folder = try ScratchFolder()
        try Fitted.bundle().write(to: folder.file("b"))
        let error = #expect(throws: BundleError.self) {
            try ClassifierDirectory.refuseOccupied(folder.file("b"), replacing: true)
        }
        guard case .occupied(_, "model", _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
