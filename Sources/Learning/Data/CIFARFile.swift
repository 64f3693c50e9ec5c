import Foundation
import SAME
import Tensor

/// A file in the binary format of CIFAR-10 or CIFAR-100, plain or gzipped: records of one or two label bytes and 3072 bytes
/// of pixels, the planes of red, green and blue one after another.
///
/// **Source** the data sets' own description.
package struct CIFARFile: Sendable {
    /// Which of the two; a file does not say.
    package enum Kind: Sendable, CaseIterable {
        /// One label of 10.
        case ten
        /// A coarse label of 20, which is passed over, and a fine one of 100.
        case hundred

        var labelBytes: Int { self == .ten ? 1 : 2 }
        var classes: Int { self == .ten ? 10 : 100 }
    }

    /// The shape of every image.
    package static let shape = ImageShape(channels: 3, height: 32, width: 32)
    /// All images, in order.
    package let images: ImageSet
    /// One label an image: the fine one of CIFAR-100.
    package let labels: Labels

    /// The images of all files, one after another: the training set comes in five.
    ///
    /// **Throws** when a file is not a whole number of records or a label is out of its range, which is how the wrong kind
    /// shows itself.
    package init(
        contentsOf paths: [String], kind: Kind = .ten, bytesMax: Int = IDXFile.bytesMax
    ) throws(DataError) {
        var pixels: [UInt8] = [], labels: [Int] = []
        for path in paths {
            let bytes = try InflatedFile(path).readAll(bytesMax: bytesMax - pixels.count)
            let record = kind.labelBytes + Self.shape.count
            guard !bytes.isEmpty, bytes.count.isMultiple(of: record) else {
                throw .notCIFAR(
                    path: path, reason: "its \(bytes.count) bytes are no whole number of records of \(record)"
                )
            }
            for start in stride(from: 0, to: bytes.count, by: record) {
                let label = Int(bytes[start + kind.labelBytes - 1])
                guard label < kind.classes, kind == .ten || bytes[start] < 20 else {
                    throw .labelOutOfRange(
                        path: path, index: start / record, label: label, classes: kind.classes)
                }
                labels.append(label)
                pixels += bytes[start + kind.labelBytes..<start + record]
            }
        }
        guard !labels.isEmpty else { throw .noImages(path: paths.first ?? "an empty list of files") }
        images = ImageSet(shape: Self.shape, bytes: pixels)
        self.labels = Labels(values: labels, classes: kind.classes)
    }

    /// True when the file's name is one that CIFAR's binary files have.
    package static func isNamedSo(_ path: String) -> Bool {
        let name = (path as NSString).lastPathComponent.lowercased()
        return name.hasSuffix(".bin") || name.hasSuffix(".bin.gz")
    }

    /// The kind that a file's name stands for: CIFAR-100's are `train.bin` and `test.bin`, CIFAR-10's `data_batch_N.bin` and
    /// `test_batch.bin`.
    package static func kind(named path: String) -> Kind {
        let name = (path as NSString).lastPathComponent.lowercased()
        return ["train.bin", "test.bin"].contains { name.hasPrefix($0) } ? .hundred : .ten
    }

    /// The training images in a folder as the archives unpack to; nil where it holds none. All five files of CIFAR-10 are
    /// asked for, so that one that went missing is not passed over in silence.
    package init?(folder: String) throws(DataError) {
        let existing = { (name: String) in
            ["\(folder)/\(name)", "\(folder)/\(name).gz"].first { FileManager.default.fileExists(atPath: $0) }
        }
        if existing("data_batch_1.bin") != nil {
            let paths = (1...5).map { existing("data_batch_\($0).bin") ?? "\(folder)/data_batch_\($0).bin" }
            try self.init(contentsOf: paths)
        } else if let path = existing("train.bin") {
            try self.init(contentsOf: [path], kind: .hundred)
        } else {
            return nil
        }
    }
}
