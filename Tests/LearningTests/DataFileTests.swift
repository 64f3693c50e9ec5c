import Foundation
import SAME
import Tensor
import TestSupport
import Testing

@testable import Learning

/// The oracles are Python's tarfile, Pillow and NumPy: see `Fixtures/make-fixtures.py`.
@Suite("CIFAR, tar and npy files")
struct DataFileTests {
    private func fixture(_ name: String) throws -> String {
        try #require(Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Fixtures")).path
    }

    private func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: try fixture(name))))
    }

    // MARK: tar

    @Test(
        "a tar of class folders gives its pictures by path and class",
        arguments: ["pictures.tar", "pictures.tar.gz"])
    func tar(name: String) throws {
        let archive = try ImageArchive(try fixture(name))
        #expect(archive.images.shape == ImageShape(channels: 3, height: 5, width: 7))
        #expect(archive.classNames == ["a", "b"] && archive.labels?.names == ["a", "b"])
        #expect(archive.labels?.values == [0, 0, 1, 1])
        let wanted = try bytes("pictures.raw")
        // The first is a JPEG, whose decoders may differ by a step or two.
        #expect(zip(archive.images.bytes, wanted).prefix(105).allSatisfy { abs(Int($0) - Int($1)) <= 2 })
        #expect(archive.images.bytes.dropFirst(105) == wanted.dropFirst(105))
    }

    @Test("a path of more than 100 characters is joined from its two fields (ustar prefix)")
    func longName() throws {
        // The folders around the one that holds the picture are entered.
        #expect(try ImageArchive(try fixture("long.tar")).classNames == ["k"])
        let member = try #require(try TarArchive(try fixture("long.tar")).next())
        let folders = String(repeating: "p", count: 60) + "/" + String(repeating: "q", count: 60)
        #expect(member.name == folders + "/k/z.png")
    }

    @Test(
        "a pax archive, Python's default, is read: its extended headers give the path, and nothing else that counts"
    )
    func pax() throws {
        let archive = try ImageArchive(try fixture("pax.tar"))
        #expect(archive.classNames == ["v", String(repeating: "ü", count: 90)] && archive.images.count == 2)
        #expect(archive.labels?.values == [0, 1])
    }

    @Test(
        "extended headers that are no records, or that change a size, are refused",
        arguments: [
            ("11 path=abc\n", "records"), ("12 size=abc\n", "size"), ("x", "records"), ("5 a=\n", "extended"),
        ])
    func damagedPax(record: String, word: String) throws {
        let folder = try ScratchFolder()
        var whole = try bytes("pax.tar")
        // The first header is the one for all, its record the next block.
        var block = Array(record.utf8)
        let size = String(block.count, radix: 8)
        block += [UInt8](repeating: 0, count: 512 - block.count)
        whole.replaceSubrange(512..<1024, with: block)
        whole.replaceSubrange(
            124..<136, with: [UInt8](repeating: 48, count: 11 - size.utf8.count) + Array(size.utf8) + [0])
        Self.mend(&whole, header: 0)
        let path = try folder.write(whole, to: "bad.tar")
        if word == "extended" {
            #expect(throws: Never.self) { try ImageArchive(path) }
            return
        }
        let error = #expect(throws: DataError.self) { try ImageArchive(path) }
        #expect(error?.description.contains(word) == true, "\(error.map(\.description) ?? "")")
    }

    /// Byte offsets by the standard: name 0, size 124, checksum 148, type 156, magic 257.
    struct Damage: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var word: String
        var change: @Sendable (inout [UInt8]) -> Void
    }

    /// Sets a header's checksum right again, so that only the other damage is left.
    private static func mend(_ bytes: inout [UInt8], header: Int) {
        for place in 148..<156 { bytes[header + place] = 32 }
        let sum = bytes[header..<header + 512].reduce(0) { $0 + Int($1) }
        let digits = Array(String(sum, radix: 8).utf8)
        let text = [UInt8](repeating: 48, count: 6 - digits.count) + digits + [0, 32]
        bytes.replaceSubrange(header + 148..<header + 156, with: text)
    }

    /// The first file's header follows those of the two folders.
    static let damages = [
        Damage(testDescription: "a flipped bit in a header", word: "checksum") { $0[1024] ^= 1 },
        Damage(testDescription: "no ustar magic", word: "ustar") { bytes in
            bytes[257] = 65
            mend(&bytes, header: 0)
        },
        Damage(testDescription: "a size that is no number", word: "octal") { bytes in
            bytes[1024 + 126] = 57
            mend(&bytes, header: 1024)
        },
        Damage(testDescription: "a size past all bounds", word: "at most") { bytes in
            bytes.replaceSubrange(1024 + 124..<1024 + 135, with: Array("77777777777".utf8))
            mend(&bytes, header: 1024)
        },
        Damage(testDescription: "a link", word: "neither") { bytes in
            bytes[1024 + 156] = 50
            mend(&bytes, header: 1024)
        },
        Damage(testDescription: "cut inside a file", word: "cut short") { $0.removeLast($0.count - 1600) },
        Damage(testDescription: "cut before the end's zeros", word: "cut short") {
            $0.removeLast($0.count - 1024)
        },
        Damage(testDescription: "something after the end", word: "goes on after") { $0.append(1) },
        Damage(testDescription: "a picture that is none", word: "b/2.png") { $0[1536] = 0 },
        Damage(testDescription: "empty", word: "cut short") { $0 = [] },
        Damage(testDescription: "zeros alone", word: "holds no") { $0 = [UInt8](repeating: 0, count: 1024) },
    ]

    @Test("a damaged archive is refused with its name and the reason", arguments: damages)
    func damagedTar(damage: Damage) throws {
        let folder = try ScratchFolder()
        var whole = try bytes("pictures.tar")
        damage.change(&whole)
        let path = try folder.write(whole, to: "bad.tar")
        let error = #expect(throws: DataError.self) { try ImageArchive(path) }
        #expect(error?.description.contains(damage.word) == true, "\(error.map(\.description) ?? "")")
        #expect(error?.description.contains(path) == true)
    }

    // MARK: CIFAR

    private func record(_ labels: [UInt8], first: UInt8) -> [UInt8] {
        labels + (0..<3072).map { UInt8(truncatingIfNeeded: Int(first) + $0) }
    }

    @Test(
        "CIFAR-10's records become images, channels first, with their labels; several files follow one another"
    )
    func cifar10() throws {
        let folder = try ScratchFolder()
        let one = try folder.write(record([3], first: 1) + record([9], first: 7), to: "data_batch_1.bin")
        let two = try folder.writeGzip(record([0], first: 200), to: "data_batch_2.bin.gz")
        let file = try CIFARFile(contentsOf: [one, folder.file("data_batch_2.bin.gz")])
        _ = two
        #expect(file.labels == Labels(values: [3, 9, 0], classes: 10))
        #expect(file.images.count == 3 && file.images.shape == CIFARFile.shape)
        #expect(Array(file.images.image(1).prefix(2)) == [7, 8] && file.images.image(2).first == 200)
    }

    @Test(
        "a folder is read as CIFAR's archives unpack: five files or one, by their names; a missing fifth is an error"
    )
    func cifarFolder() throws {
        let (ten, hundred) = (try ScratchFolder(), try ScratchFolder())
        for number in 1...5 {
            try ten.write(record([UInt8(number)], first: 1), to: "data_batch_\(number).bin")
        }
        #expect(try CIFARFile(folder: ten.path)?.labels == Labels(values: [1, 2, 3, 4, 5], classes: 10))
        try FileManager.default.removeItem(atPath: ten.file("data_batch_5.bin"))
        #expect(throws: DataError.self) { try CIFARFile(folder: ten.path) }
        try hundred.writeGzip(record([3, 42], first: 1), to: "train.bin.gz")
        #expect(try CIFARFile(folder: hundred.path)?.labels == Labels(values: [42], classes: 100))
        let empty = try ScratchFolder()
        #expect(try CIFARFile(folder: empty.path) == nil)
        #expect(
            CIFARFile.kind(named: "a/train.bin.gz") == .hundred
                && CIFARFile.kind(named: "test_batch.bin") == .ten)
    }

    @Test("CIFAR-100's second label is the fine one")
    func cifar100() throws {
        let folder = try ScratchFolder()
        let path = try folder.write(record([19, 99], first: 4) + record([0, 5], first: 5), to: "train.bin")
        let file = try CIFARFile(contentsOf: [path], kind: .hundred)
        #expect(file.labels == Labels(values: [99, 5], classes: 100) && file.images.image(0).first == 4)
    }

    @Test("a CIFAR file that is not whole, or of the other kind, is refused")
    func badCIFAR() throws {
        let folder = try ScratchFolder()
        let cut = try folder.write(Array(record([3], first: 1).dropLast()), to: "cut.bin")
        #expect(throws: DataError.self) { try CIFARFile(contentsOf: [cut]) }
        let ten = try folder.write(record([11], first: 1), to: "label.bin")
        #expect(throws: DataError.labelOutOfRange(path: ten, index: 0, label: 11, classes: 10)) {
            try CIFARFile(contentsOf: [ten])
        }
        let empty = try folder.write([], to: "empty.bin")
        #expect(throws: DataError.self) { try CIFARFile(contentsOf: [empty]) }
        let hundred = try folder.write(record([20, 1], first: 1), to: "coarse.bin")
        #expect(throws: DataError.self) { try CIFARFile(contentsOf: [hundred], kind: .hundred) }
        #expect(throws: DataError.self) { try CIFARFile(contentsOf: []) }
    }

    // MARK: npy

    @Test("bytes of version 1 and Float32 of version 2 become images")
    func npy() throws {
        let grey = try ImageSet(npy: try fixture("grey.npy"))
        #expect(grey.shape == ImageShape(channels: 1, height: 4, width: 5))
        #expect(grey.bytes == (try bytes("grey.raw")))
        let colour = try ImageSet(npy: try fixture("colour.npy"))
        #expect(colour.shape == ImageShape(channels: 3, height: 4, width: 5))
        #expect(colour.bytes == (try bytes("colour.raw")))
        #expect(
            try Labels(npy: try fixture("labels.npy"), images: 3) == Labels(values: [2, 0, 1], classes: 3))
    }

    @Test(
        "Fortran order and labels as images are refused, each with its reason",
        arguments: [
            ("fortran.npy", "order"), ("labels.npy", "1 dimensions"),
        ])
    func refusedNPY(name: String, word: String) throws {
        let path = try fixture(name)
        let error = #expect(throws: DataError.self) { try ImageSet(npy: path) }
        #expect(error?.description.contains(word) == true, "\(error.map(\.description) ?? "")")
    }

    /// A file of a type's values, as NumPy writes them.
    private static func npy(_ type: String, _ shape: String, _ words: [some FixedWidthInteger]) -> [UInt8] {
        npy(
            "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }",
            words.flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } })
    }

    @Test("Float64 images are rounded as Float32 ones are, and keep to 0…1")
    func doubles() throws {
        #expect(try ImageSet(npy: try fixture("double.npy")).bytes == (try bytes("double.raw")))
        let folder = try ScratchFolder()
        let write = { (values: [Double]) in
            try folder.write(Self.npy("<f8", "(1, 2, 2)", values.map(\.bitPattern)), to: "images.npy")
        }
        for bad in [-1e-9, 1.5, .nan, .infinity] {
            let error = #expect(throws: DataError.self) { try ImageSet(npy: write([0, bad, 0, 0])) }
            #expect(error?.description.contains("0…1") == true)
        }
    }

    /// A file of bytes with this shape.
    private static func bytes(_ shape: String, in folder: ScratchFolder) throws -> String {
        let count = shape.dropFirst().dropLast().split(separator: ", ").reduce(1) { $0 * (Int($1) ?? 0) }
        return try folder.write(
            npy("|u1", shape, [UInt8](repeating: 9, count: count)), to: "images.npy")
    }

    @Test(
        "torch's order of dimensions is refused with how to turn it, of grey and of colour",
        arguments: ["(1, 1, 4, 4)", "(1, 3, 4, 5)", "(2, 3, 3, 2)"])
    func channelsFirst(shape: String) throws {
        let path = try Self.bytes(shape, in: try ScratchFolder())
        let error = #expect(throws: DataError.self) { try ImageSet(npy: path) }
        for word in [path, shape, "N×C×H×W", "a.transpose(0,2,3,1)"] {
            #expect(error?.description.contains(word) == true, "\(error.map(\.description) ?? "")")
        }
    }

    @Test(
        "images of one or three rows are read where the last dimension may be the channels",
        arguments: ["(1, 1, 4, 1)", "(1, 3, 5, 3)", "(1, 1, 4)"])
    func lowImages(shape: String) throws {
        let path = try Self.bytes(shape, in: try ScratchFolder())
        #expect(throws: Never.self) { try ImageSet(npy: path) }
    }

    @Test("values that are none of a picture are told with what is expected instead")
    func otherValues() throws {
        let folder = try ScratchFolder()
        func refusal(_ bytes: [UInt8]) throws -> String {
            let path = try folder.write(bytes, to: "images.npy")
            let error = #expect(throws: DataError.self) { try ImageSet(npy: path) }
            return error?.description ?? ""
        }
        func floats(_ values: [Float]) throws -> String {
            try refusal(Self.npy("<f4", "(1, 2, 2)", values.map(\.bitPattern)))
        }
        let standardised = try floats([-0.5, 0, 1, 2.75])
        let large = try floats([0, 0, 1, 255])
        let nothing = try floats([0, 0, 1, .nan])
        let whole = try refusal(Self.npy("<i8", "(1, 1, 1)", [Int64(5)]))
        #expect(standardised.contains("from -0.5 to 2.75") && standardised.contains("standardised"))
        #expect(large.contains("from 0.0 to 255.0") && large.contains("divide"))
        #expect(nothing.contains("no finite numbers") && whole.contains("a.astype('uint8')"))
        for text in [standardised, large, nothing, whole] {
            #expect(
                text.contains("0…1") && text.contains("uint8") && !text.contains("can be read"), "\(text)")
        }
    }

    @Test("labels may be whole numbers of 4 or 8 bytes, as NumPy makes them, of at most 255")
    func wideLabels() throws {
        let folder = try ScratchFolder()
        let wanted = Labels(values: [2, 0, 1], classes: 3)
        let long = try folder.write(Self.npy("<i8", "(3,)", [Int64(2), 0, 1]), to: "long.npy")
        #expect(try Labels(npy: long, images: 3) == wanted)
        let int = try folder.write(Self.npy("<i4", "(3,)", [Int32(2), 0, 1]), to: "int.npy")
        #expect(try Labels(npy: int, images: 3) == wanted)
        for bad in [Int64(-1), 256] {
            let path = try folder.write(Self.npy("<i8", "(3,)", [0, bad, 1]), to: "bad.npy")
            #expect(throws: DataError.self) { try Labels(npy: path, images: 3) }
        }
        let floats = try folder.write(Self.npy("<f8", "(1,)", [UInt64(0)]), to: "floats.npy")
        #expect(throws: DataError.self) { try Labels(npy: floats, images: 1) }
        #expect(throws: DataError.self) { try ImageSet(npy: long) }
    }

    private static func npy(_ header: String, _ data: [UInt8]) -> [UInt8] {
        [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8) + data
    }

    static let badNPY: [(String, [UInt8])] = [
        ("empty", []), ("magic", Array("NUMPY123456".utf8)),
        ("version 3", [0x93] + Array("NUMPY".utf8) + [3, 0, 0, 0, 0, 0]),
        ("no dictionary", npy("hello", [1])),
        ("no shape", npy("{'descr': '|u1', 'fortran_order': False}", [1])),
        ("a negative size", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 1, 1)}", [1])),
        (
            "sizes past all memory",
            npy(
                "{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999, 9999999999, 99)}", [1])
        ),
        ("cut short", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 2)}", [1, 2, 3])),
        ("too long", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1)}", [1, 2])),
        ("no images", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (0, 2, 2)}", [])),
        ("objects", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1, 1, 1)}", [1])),
    ]

    @Test("a damaged npy file is refused with its name", arguments: badNPY.indices)
    func damagedNPY(index: Int) throws {
        let folder = try ScratchFolder()
        let path = try folder.write(Self.badNPY[index].1, to: "bad.npy")
        let error = #expect(throws: DataError.self, "\(Self.badNPY[index].0)") { try ImageSet(npy: path) }
        #expect(error?.description.contains(path) == true)
    }

    @Test("every truncation of a good file of each format is an error, never a crash")
    func truncations() throws {
        let folder = try ScratchFolder()
        let npy = try bytes("grey.npy")
        for count in 0..<npy.count {
            let path = try folder.write(Array(npy.prefix(count)), to: "cut.npy")
            #expect(throws: DataError.self) { try ImageSet(npy: path) }
        }
        let tar = try bytes("pictures.tar")
        let end = (tar.lastIndex { $0 != 0 } ?? 0) + 1
        for count in stride(from: 0, to: end, by: 37) {
            let path = try folder.write(Array(tar.prefix(count)), to: "cut.tar")
            #expect(throws: DataError.self) { try ImageArchive(path) }
        }
    }
}
