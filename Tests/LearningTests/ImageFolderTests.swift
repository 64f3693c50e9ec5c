import Foundation
import Imaging
import Learning
import SAME
import Tensor
import TestSupport
import Testing

@Suite("Image folders")
struct ImageFolderTests {
    private func png(_ width: Int, _ height: Int, _ channels: Int, _ value: UInt8) throws -> [UInt8] {
        let samples = [UInt8](repeating: value, count: width * height * channels)
        return try Image(width: width, height: height, channels: channels, samples: samples).encodePNG()
    }

    @Test("images come in the order of their names, other files are passed over")
    func sorted() throws {
        let folder = try ScratchFolder()
        for (name, value) in [("b.png", 20), ("a.PNG", 10), ("c.png", 30)] {
            try folder.write(try png(4, 3, 1, UInt8(value)), to: name)
        }
        try folder.write(Array("notes".utf8), to: "readme.txt")
        let read = try ImageFolder(folder.path)
        #expect(read.images.shape == ImageShape(channels: 1, height: 3, width: 4))
        #expect([0, 1, 2].map { read.images.image($0).first } == [10, 20, 30])
        #expect(read.labels == nil)
    }

    @Test("each folder inside is a class")
    func classes() throws {
        let folder = try ScratchFolder()
        for name in ["shoe", "bag"] {
            try FileManager.default.createDirectory(
                atPath: folder.file(name), withIntermediateDirectories: false)
        }
        try folder.write(try png(2, 2, 1, 1), to: "shoe/1.png")
        try folder.write(try png(2, 2, 1, 2), to: "bag/1.png")
        try folder.write(try png(2, 2, 1, 3), to: "bag/2.png")
        let read = try ImageFolder(folder.path)
        #expect(read.classNames == ["bag", "shoe"])
        #expect(read.labels == Labels(values: [0, 0, 1], classes: 2, names: ["bag", "shoe"]))
        #expect(read.images.bytes == [2, 2, 2, 2, 3, 3, 3, 3, 1, 1, 1, 1])
    }

    @Test("a test folder that lacks a class is numbered as training is, one with another class is refused")
    func namedClasses() throws {
        let folder = try ScratchFolder()
        for (name, value) in [
            ("train/bag", 1), ("train/coat", 2), ("train/shoe", 3), ("test/bag", 4), ("test/shoe", 5),
        ] {
            try FileManager.default.createDirectory(
                atPath: folder.file(name), withIntermediateDirectories: true)
            try folder.write(try png(2, 2, 1, UInt8(value)), to: name + "/1.png")
        }
        let training = try #require(try ImageFolder(folder.file("train")).labels)
        #expect(training.names == ["bag", "coat", "shoe"])
        let path = folder.file("test")
        let test = try #require(try ImageFolder(path).labels)
        #expect(test.values == [0, 1] && test.classes == 2)
        let numbered = try test.numbered(as: training, path: path)
        #expect(numbered == Labels(values: [0, 2], classes: 3, names: training.names))
        try FileManager.default.createDirectory(
            atPath: folder.file("test/boot"), withIntermediateDirectories: false)
        try folder.write(try png(2, 2, 1, 6), to: "test/boot/1.png")
        let other = try #require(try ImageFolder(path).labels)
        let error = #expect(throws: DataError.self) { try other.numbered(as: training, path: path) }
        #expect(error == .unknownClasses(path: path, names: ["boot"], known: ["bag", "coat", "shoe"]))
        #expect(error?.description.contains("boot") == true && error?.description.contains("coat") == true)
    }

    @Test("labels without names keep their numbers")
    func nameless() throws {
        let (plain, named) = (
            Labels(values: [2, 0], classes: 3), Labels(values: [0, 1], classes: 2, names: ["a", "b"])
        )
        #expect(try plain.numbered(as: named, path: "test") == plain)
        #expect(try named.numbered(as: plain, path: "test") == named)
    }

    @Test("an image of another size is refused by name, and scaled when asked")
    func wrongSize() throws {
        let folder = try ScratchFolder()
        try folder.write(try png(4, 4, 1, 50), to: "a.png")
        let odd = try folder.write(try png(6, 4, 1, 50), to: "b.png")
        let shapes = (
            ImageShape(channels: 1, height: 4, width: 6), ImageShape(channels: 1, height: 4, width: 4)
        )
        let error = #expect(throws: DataError.wrongShape(path: odd, found: shapes.0, expected: shapes.1)) {
            try ImageFolder(folder.path)
        }
        #expect(error?.description.contains("--resize") == true)
        let scaled = try ImageFolder(folder.path, conversion: .init(size: (width: 2, height: 2)))
        #expect(scaled.images.count == 2 && scaled.images.bytes.allSatisfy { $0 == 50 })
    }

    @Test("grey and colour are told apart, and made one when asked; transparency lies over the background")
    func channels() throws {
        let folder = try ScratchFolder()
        try folder.write(try png(2, 2, 1, 9), to: "a.png")
        try folder.write(try png(2, 2, 3, 9), to: "b.png")
        #expect(throws: DataError.self) { try ImageFolder(folder.path) }
        try folder.write(try png(2, 2, 4, 0), to: "c.png")
        let grey = try ImageFolder(folder.path, conversion: .init(channels: 1, background: 70))
        #expect(grey.images.bytes == [9, 9, 9, 9, 9, 9, 9, 9, 70, 70, 70, 70])
    }

    @Test("a damaged file, an empty folder and too many bytes are refused")
    func refused() throws {
        let folder = try ScratchFolder()
        #expect(throws: DataError.noImages(path: folder.path)) { try ImageFolder(folder.path) }
        let path = try folder.write(try png(8, 8, 1, 1), to: "a.png")
        #expect(throws: DataError.tooLarge(path: folder.path, bytes: 64, bytesMax: 63)) {
            try ImageFolder(folder.path, bytesMax: 63)
        }
        try folder.write(Array(try folder.bytes("a.png").dropLast(20)), to: "a.png")
        let error = #expect(throws: DataError.self) { try ImageFolder(folder.path) }
        #expect(error?.description.contains(path) == true)
    }
}
