import Foundation
import Learning
import SAME
import Tensor
import TestSupport
import Testing

@Suite("IDX files")
struct IDXFileTests {
    /// Two images of 2×3, by the format's description: magic 0 0 8 3, sizes big-endian, values.
    private static let images: [UInt8] =
        [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3] + [0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6]

    @Test("a plain and a gzipped file give the same images", arguments: [false, true])
    func reads(gzipped: Bool) throws {
        let folder = try ScratchFolder()
        let path =
            gzipped
            ? try folder.writeGzip(Self.images, to: "i.gz") : try folder.write(Self.images, to: "i")
        let set = try ImageSet(idx: path)
        #expect(set.shape == ImageShape(channels: 1, height: 2, width: 3) && set.count == 2)
        #expect(Array(set.image(1)) == [1, 2, 3, 4, 5, 6])
    }

    @Test("bytes become −1…1, or 0…1, ends exact")
    func canonical() throws {
        let folder = try ScratchFolder()
        let set = try ImageSet(idx: try folder.write(Self.images, to: "i"))
        let signed = set.canonical([0], range: .signed)
        #expect(signed.shape == [1, 6])
        #expect(signed.values[0] == -1 && signed.values[5] == 1)
        #expect(abs(signed.values[1] + 0.6) < 1e-6)
        #expect(set.canonical([0], range: .unit).values.last == 1)
        #expect(
            set.canonical([1, 0], range: .unit).values.prefix(6)
                == set.canonical([1], range: .unit).values[...])
    }

    @Test("colour images become channels first")
    func colour() throws {
        let folder = try ScratchFolder()
        let bytes: [UInt8] = [0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]
        let set = try ImageSet(idx: try folder.write(bytes, to: "i"))
        #expect(set.shape == ImageShape(channels: 3, height: 1, width: 2))
        #expect(set.bytes == [1, 4, 2, 5, 3, 6])
    }

    /// A damaged file, and a word that the message must hold.
    struct Bad: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var bytes: [UInt8]
        var word: String
    }

    static let bad = [
        Bad(testDescription: "empty", bytes: [], word: "cut short"),
        Bad(testDescription: "no IDX", bytes: Array("hello, world".utf8), word: "two zero bytes"),
        Bad(testDescription: "floats", bytes: [0, 0, 13, 1, 0, 0, 0, 1, 0, 0, 0, 0], word: "type 13"),
        Bad(testDescription: "no dimensions", bytes: [0, 0, 8, 0], word: "0 dimensions"),
        Bad(testDescription: "a header cut short", bytes: [0, 0, 8, 3, 0, 0], word: "cut short"),
        Bad(testDescription: "a dimension of 0", bytes: [0, 0, 8, 1, 0, 0, 0, 0], word: "dimension is 0"),
        Bad(testDescription: "data cut short", bytes: Array(images.dropLast(3)), word: "3 bytes"),
        Bad(testDescription: "data too long", bytes: images + [9], word: "goes on after"),
        Bad(
            testDescription: "a size past all memory",
            bytes: [0, 0, 8, 4] + [UInt8](repeating: 255, count: 16), word: "at most"),
    ]

    @Test("a damaged file is refused with its name and the reason", arguments: bad)
    func refused(bad: Bad) throws {
        let folder = try ScratchFolder()
        let path = try folder.write(bad.bytes, to: "bad")
        let error = #expect(throws: DataError.self) { try ImageSet(idx: path) }
        #expect(error?.description.contains(bad.word) == true, "\(error.map(\.description) ?? "")")
        #expect(error?.description.contains(path) == true)
    }

    @Test(
        "a file of no known kind is told which kinds there are; IDX files are read whatever their name",
        arguments: [
            ("few.npz", [0x50, 0x4B, 3, 4]), ("x.png", [0x89, 0x50, 0x4E, 0x47]), ("images", [0, 1, 8, 3]),
        ] as [(String, [UInt8])])
    func unknownKind(name: String, start: [UInt8]) throws {
        let folder = try ScratchFolder()
        let path = try folder.write(start + [UInt8](repeating: 0, count: 40), to: name)
        let error = #expect(throws: DataError.unknownKind(path: path)) { try ImageSet(otherFile: path) }
        for word in [path, "IDX", ".npy", ".tar", "CIFAR", ".bin", "folder of PNG or JPEG"] {
            #expect(error?.description.contains(word) == true, "\(error.map(\.description) ?? "")")
        }
        try folder.write(Self.images, to: name)
        #expect(try ImageSet(otherFile: path).count == 2)
    }

    @Test("a file that is named or begins as IDX files do is told what is wrong with it as one")
    func damagedIDX() throws {
        let folder = try ScratchFolder()
        for (name, bytes) in [("i-idx3-ubyte", [1, 2, 3, 4]), ("i", [0, 0, 13, 3])] as [(String, [UInt8])] {
            let path = try folder.write(bytes, to: name)
            let error = #expect(throws: DataError.self) { try ImageSet(otherFile: path) }
            #expect(error?.description.contains("is not an IDX file") == true)
        }
    }

    @Test("a gzip stream cut short or with a flipped bit is refused")
    func damagedGzip() throws {
        let folder = try ScratchFolder()
        var generator = RandomGenerator(seed: 1)
        let noise = (0..<6000).map { _ in UInt8(generator.integer(below: 256)) }
        try folder.writeGzip([0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 20, 0, 0, 0, 30] + noise, to: "g")
        let whole = try folder.bytes("g")
        #expect(throws: Never.self) { try ImageSet(idx: folder.file("g")) }
        for cut in [whole.count - 1, whole.count - 8, whole.count / 2] {
            let path = try folder.write(Array(whole.prefix(cut)), to: "cut")
            #expect(throws: DataError.self, "cut at \(cut)") { try ImageSet(idx: path) }
        }
        for place in [whole.count / 3, whole.count - 6] {
            var flipped = whole
            flipped[place] ^= 4
            let path = try folder.write(flipped, to: "flipped")
            #expect(throws: DataError.self, "flipped at \(place)") { try ImageSet(idx: path) }
        }
    }

    @Test("a missing file and a folder are named")
    func unreadable() throws {
        let folder = try ScratchFolder()
        let missing = #expect(throws: DataError.self) { try ImageSet(idx: folder.file("nothing")) }
        #expect(missing?.description.contains("No such file") == true)
        #expect(throws: DataError.self) { try ImageSet(idx: folder.path) }
    }

    @Test("labels must be one a image and below the number of classes")
    func labels() throws {
        let folder = try ScratchFolder()
        let path = try folder.write([0, 0, 8, 1, 0, 0, 0, 3, 0, 2, 1], to: "l")
        #expect(try Labels(idx: path, images: 3) == Labels(values: [0, 2, 1], classes: 3))
        #expect(throws: DataError.countMismatch(images: 4, others: 3, path: path)) {
            try Labels(idx: path, images: 4)
        }
        #expect(throws: DataError.labelOutOfRange(path: path, index: 1, label: 2, classes: 2)) {
            try Labels(idx: path, images: 3, classes: 2)
        }
        #expect(throws: DataError.notLabels(path: folder.file("i"), dimensions: 3)) {
            try folder.write(Self.images, to: "i")
            return try Labels(idx: folder.file("i"), images: 2)
        }
    }

    @Test("a split is a partition, the same for the same seed, another for another")
    func split() throws {
        let split = try Split(count: 1000, holdout: 200, seed: 5)
        #expect(split.heldOut.count == 200 && split.training.count == 800)
        #expect((split.heldOut + split.training).sorted() == Array(0..<1000))
        #expect(try Split(count: 1000, holdout: 200, seed: 5) == split)
        #expect(try Split(count: 1000, holdout: 200, seed: 6).heldOut != split.heldOut)
        #expect(throws: DataError.holdoutTooLarge(holdout: 10, images: 10)) {
            try Split(count: 10, holdout: 10, seed: 1)
        }
    }
}
