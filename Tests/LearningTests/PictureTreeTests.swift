import Foundation
import Imaging
import SAME
import Tensor
import TestSupport
import Testing

@testable import Learning

@Suite("Pictures in folders of classes")
struct PictureTreeTests {
    private func tree(_ pictures: [String], _ folders: [String] = []) throws(DataError) -> PictureTree {
        try PictureTree(
            pictures: pictures.map(PictureTree.components), folders: Set(folders.map(PictureTree.components)),
            in: "p")
    }

    @Test(
        "the first folder of a path is its class, however deep the picture lies; the order is that of the names"
    )
    func classes() throws {
        let found = try tree(["b/1.png", "a-b/1.png", "a/deep/2.png", "a/1.png"], ["a", "a/none", "."])
        #expect(found.names == ["a", "a-b", "b"] && found.labels == [0, 0, 1, 2])
        #expect(found.pictures.first == ["a", "1.png"])
        let flat = try tree(["2.png", "./1.png"])
        #expect(flat.names.isEmpty && flat.labels == nil && flat.pictures == [["1.png"], ["2.png"]])
    }

    @Test("folders around all others are entered; a single one of pictures alone is one class")
    func around() throws {
        let found = try tree(["x/y/b/1.png", "x/y/a/1.png"], ["x"])
        #expect(found.names == ["a", "b"] && found.labels == [0, 1])
        #expect(try tree(["x/1.png", "x/2.png"]).names == ["x"])
        #expect(try tree(["x/a/1.png", "x/a/2.png"]).names == ["a"])
        #expect(try tree(["x/a/1.png", "y/2.png"]).names == ["x", "y"])
    }

    @Test("pictures beside folders of classes are refused with the first names and their number")
    func beside() throws {
        let strays = (1...7).map { "\($0).png" }
        let error = #expect(throws: DataError.self) { try tree(strays + ["a/1.png", "b/1.png"]) }
        #expect(error == .picturesBesideClasses(path: "p", names: strays, classes: ["a", "b"]))
        let text = error?.description ?? ""
        for word in ["7 pictures", "1.png", "5.png", "and 2 more"] { #expect(text.contains(word), "\(text)") }
        #expect(throws: DataError.picturesBesideClasses(path: "p", names: ["x/1.png"], classes: ["a"])) {
            try tree(["x/1.png", "x/a/1.png"])
        }
    }

    @Test("a class without a picture is refused by its name, and so is a place without any")
    func empty() throws {
        #expect(throws: DataError.emptyClasses(path: "p", names: ["b", "c"])) {
            try tree(["a/1.png"], ["a", "c/deep", "b"])
        }
        #expect(throws: DataError.noImages(path: "p")) { try tree([], ["a", "b"]) }
    }

    @Test("what is hidden is passed over, also below a hidden folder")
    func hidden() throws {
        let found = try tree(["a/1.png", "b/1.png", "b/._1.png", ".trash/1.png"], [".trash", "a/.none"])
        #expect(found.names == ["a", "b"] && found.labels == [0, 1])
    }

    @Test("what was read is told with its numbers")
    func summary() {
        #expect(
            PictureTree.summary(of: "p", count: 600, names: ["a", "b"])
                == "p: 600 pictures of 2 classes: a, b")
        #expect(PictureTree.summary(of: "p", count: 1, names: ["a"]) == "p: 1 picture of 1 class: a")
        #expect(
            PictureTree.summary(of: "p", count: 2, names: []) == "p: 2 pictures, without folders of classes")
    }

    // MARK: Folders and tars

    private static let picture =
        (try? Image(width: 2, height: 2, channels: 1, samples: [1, 2, 3, 4]).encodePNG()) ?? []

    /// The same files in a folder and in a tar; names that end in “/” are folders.
    private func places(_ names: [String]) throws -> (folder: String, tar: String) {
        let folder = try ScratchFolder()
        var archive: [UInt8] = []
        for name in names {
            let path = folder.file("set/" + name)
            let parent =
                name.hasSuffix("/") ? path : URL(fileURLWithPath: path).deletingLastPathComponent().path
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
            let isPicture = name.hasSuffix(".png")
            if isPicture { try folder.write(Self.picture, to: "set/" + name) }
            if !isPicture && !name.hasSuffix("/") { try folder.write([65], to: "set/" + name) }
            archive += Self.member(name, isPicture ? Self.picture : name.hasSuffix("/") ? [] : [65])
        }
        try folder.write(archive + [UInt8](repeating: 0, count: 1024), to: "set.tar")
        return (folder.file("set"), folder.file("set.tar"))
    }

    /// A tar's member: its header, and its bytes to whole blocks.
    private static func member(_ name: String, _ bytes: [UInt8]) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at place: Int) {
            header.replaceSubrange(place..<place + text.utf8.count, with: Array(text.utf8))
        }
        func octal(_ value: Int, _ digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: digits - text.count) + text
        }
        put(name, at: 0)
        put(octal(bytes.count, 11), at: 124)
        put("        ", at: 148)
        put(name.hasSuffix("/") ? "5" : "0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6), at: 148)
        header[154] = 0
        let filled = (bytes.count + 511) / 512 * 512
        return header + bytes + [UInt8](repeating: 0, count: filled - bytes.count)
    }

    @Test(
        "a folder and a tar of the same pictures are read alike",
        arguments: [
            ["a-b/1.png", "a/1.png", "a/deep/2.png", "b/1.png"], ["x/a/1.png", "x/b/1.png", "x/b/2.png"],
            ["1.png", "2.png"], ["a/1.png"], ["a/1.png", "b/.hidden.png", "b/1.png", ".c/1.png"],
        ])
    func alike(names: [String]) throws {
        let (path, tar) = try places(names)
        let (folder, archive) = (try ImageFolder(path), try ImageArchive(tar))
        #expect(folder.images.bytes == archive.images.bytes && folder.labels == archive.labels)
        #expect(
            folder.classNames == archive.classNames
                && folder.images.count == names.count { !$0.contains(".h") && !$0.hasPrefix(".") })
        #expect(folder.summary.dropFirst(path.count) == archive.summary.dropFirst(tar.count))
    }

    @Test(
        "a folder and a tar are refused alike",
        arguments: [
            ["1.png", "a/1.png", "b/1.png"], ["a/1.png", "b/"], ["a/1.png", "b/notes.txt"],
            ["a/1.png", "a/b/1.png"], ["a/", "b/"], ["notes.txt"],
        ])
    func refusedAlike(names: [String]) throws {
        let (path, tar) = try places(names)
        let folder = #expect(throws: DataError.self) { try ImageFolder(path) }
        let archive = #expect(throws: DataError.self) { try ImageArchive(tar) }
        #expect(
            folder?.description.replacingOccurrences(of: path, with: "")
                == archive?.description.replacingOccurrences(of: tar, with: ""))
    }

    @Test("a folder that leads back to itself is refused, not read for ever")
    func loop() throws {
        let (path, _) = try places(["a/1.png", "b/1.png"])
        try FileManager.default.createSymbolicLink(atPath: path + "/b/again", withDestinationPath: path)
        let error = #expect(throws: DataError.self) { try ImageFolder(path) }
        #expect(error?.description.contains("leads back") == true)
    }
}
