import Digest
import Foundation
import Neural
import SAME
import Tensor

/// The victim's answers to a set of images, one row of probabilities an image, in their order.
///
/// **File format** safetensors with one tensor `answers` (N, K) of F32 and the metadata `format`
/// (`samegate-answers`), `version` (`1`) and `images_sha256`, the digest of the images that were asked about.
package struct AnswerSet: Sendable {
    /// What the metadata's `format` must be.
    package static let formatName = "samegate-answers"
    private static let bytesMax = 4 << 30

    /// **Shapes** (N, K), each row a distribution.
    package let probabilities: Tensor
    /// ``ImageSet/digest`` of the images asked about.
    package let imagesDigest: String

    /// Answers to the images with the digest. Traps unless the tensor has two dimensions.
    package init(probabilities: Tensor, imagesDigest: String) {
        precondition(probabilities.shape.count == 2)
        self.probabilities = probabilities
        self.imagesDigest = imagesDigest
    }

    /// Reads a file and checks that it answers these images.
    package init(contentsOf path: String, for images: ImageSet) throws(AnswerSetError) {
        let file: Safetensors
        do {
            file = try Safetensors(bytes: try FileBytes.read(path, bytesMax: Self.bytesMax))
        } catch let error as FileError {
            throw .file(error)
        } catch {
            throw .malformed(path: path, reason: "\(error)")
        }
        guard file.metadata["format"] == Self.formatName, file.metadata["version"] == "1" else {
            throw .malformed(path: path, reason: "its metadata does not say \(Self.formatName), version 1")
        }
        guard let answers = file.tensors["answers"], file.tensors.count == 1, answers.shape.count == 2 else {
            throw .malformed(path: path, reason: "it must hold one tensor, “answers”, of two dimensions")
        }
        guard answers.rows == images.count else {
            throw .otherImages(
                path: path, reason: "it has \(answers.rows) answers for \(images.count) images")
        }
        guard file.metadata["images_sha256"] == images.digest else {
            throw .otherImages(path: path, reason: "the digest of the images it was asked about is another")
        }
        for row in 0..<answers.rows {
            guard Scorer.distribution(Array(answers.row(row)), classes: answers.rowCount) != nil else {
                throw .malformed(path: path, reason: "answer \(row) is no distribution over the classes")
            }
        }
        self.init(probabilities: answers, imagesDigest: images.digest)
    }

    /// The number of classes.
    package var classes: Int { probabilities.rowCount }

    /// A warning with the numbers where every image has the same answer, from which no score can learn; nil else.
    package var constancyWarning: String? {
        let count = probabilities.rows
        guard count > 1, classes > 0 else { return nil }
        let first = Array(probabilities.row(0))
        var (low, high) = (first, first)
        for row in 1..<count {
            for (place, value) in probabilities.row(row).enumerated() {
                low[place] = min(low[place], value)
                high[place] = max(high[place], value)
                if high[place] - low[place] > Self.constancyMax { return nil }
            }
        }
        let best = first.indices.max { first[$0] < first[$1] } ?? 0
        let spread = zip(high, low).map { $0 - $1 }.max() ?? 0
        return "warning: the victim answers all \(count) images alike: class \(best) of \(classes) with "
            + String(
                format: "%.4f, and no probability differs by more than %.1e between images. ", first[best],
                spread)
            + "What is fitted to that tells nothing of its answers: check what it is fed (--victim-range, "
            + "--victim-layout, --victim-input) and what of it is read (--victim-output, --victim-answer)"
    }

    /// Probabilities that differ by no more are taken for the same.
    private static let constancyMax: Float = 1e-4

    /// Refuses a path that no file of answers can be written to, before they are asked for; what is there stays.
    package static func checkPlace(_ path: String) throws(AnswerSetError) {
        do throws(FileError) {
            try FileBytes.checkPlace(path)
        } catch {
            throw .file(error)
        }
    }

    /// Writes the file, whole or not at all.
    package func write(to path: String) throws(AnswerSetError) {
        let metadata = ["format": Self.formatName, "version": "1", "images_sha256": imagesDigest]
        let file = Safetensors(tensors: ["answers": probabilities], metadata: metadata)
        do throws(FileError) {
            try FileBytes.replace(path, with: file.bytes)
        } catch {
            throw .file(error)
        }
    }

    /// SHA-256 of the shape and the values.
    package var digest: String {
        var hasher = SHA256Hasher()
        hasher.update("\(probabilities.shape)\n")
        probabilities.values.withUnsafeBytes { hasher.update($0) }
        return hasher.finish().hex
    }
}

/// Why recorded answers cannot be used.
package enum AnswerSetError: Error, Hashable, Sendable {
    case file(FileError)
    case malformed(path: String, reason: String)
    case otherImages(path: String, reason: String)
}

extension AnswerSetError: CustomStringConvertible {
    /// A sentence with the path and the reason.
    package var description: String {
        switch self {
        case .file(let error): error.description
        case .malformed(let path, let reason): "\(path) is not a file of recorded answers: \(reason)"
        case .otherImages(let path, let reason): "\(path) does not answer these images: \(reason)"
        }
    }
}
