import SAME
import Tensor

/// Why training data cannot be used. Every message names the file and what would mend it.
package enum DataError: Error, Hashable, Sendable {
    case file(FileError)
    /// A file of none of the kinds that images are read from.
    case unknownKind(path: String)
    case notIDX(path: String, reason: String)
    case notTar(path: String, reason: String)
    case notCIFAR(path: String, reason: String)
    case notNPY(path: String, reason: String)
    /// An npy file that can be read, and whose images cannot be meant so.
    case npyImages(path: String, reason: String)
    case trailingData(path: String)
    case truncated(path: String, reason: String)
    case tooLarge(path: String, bytes: Int, bytesMax: Int)
    case notImages(path: String, dimensions: Int)
    case notLabels(path: String, dimensions: Int)
    case noImages(path: String)
    /// Pictures of no class, beside folders of classes.
    case picturesBesideClasses(path: String, names: [String], classes: [String])
    /// Folders of classes that hold no picture.
    case emptyClasses(path: String, names: [String])
    case image(path: String, reason: String)
    case wrongShape(path: String, found: ImageShape, expected: ImageShape)
    case countMismatch(images: Int, others: Int, path: String)
    case labelOutOfRange(path: String, index: Int, label: Int, classes: Int)
    case holdoutTooLarge(holdout: Int, images: Int)
    /// Whatever is held out of them.
    case tooFewImages(images: Int, calibrating: Int)
    /// Pictures in folders of which training has none by that name.
    case unknownClasses(path: String, names: [String], known: [String])
}

extension DataError: CustomStringConvertible {
    /// A sentence with the path and the reason.
    package var description: String {
        switch self {
        case .file(let error): error.description
        case .unknownKind(let path):
            "\(path) is of no kind that images are read from: those are an IDX file, .npy, .tar (.tar.gz, .tgz), CIFAR's .bin, "
                + "and a folder of PNG or JPEG files"
        case .notIDX(let path, let reason): "\(path) is not an IDX file: \(reason)"
        case .notTar(let path, let reason): "\(path) is not a tar archive that can be read: \(reason)"
        case .notCIFAR(let path, let reason): "\(path) is not a binary CIFAR file: \(reason)"
        case .notNPY(let path, let reason): "\(path) is not an npy file that can be read: \(reason)"
        case .npyImages(let path, let reason): "\(path): \(reason)"
        case .trailingData(let path): "\(path) goes on after the data that its header announces"
        case .truncated(let path, let reason): "\(path) is cut short or damaged: \(reason)"
        case .tooLarge(let path, let bytes, let bytesMax):
            "\(path) holds \(bytes) bytes of data; at most \(bytesMax) are read"
        case .notImages(let path, let dimensions):
            "\(path) has \(dimensions) dimensions; images have 3 (count, height, width) or 4 (and channels)"
        case .notLabels(let path, let dimensions): "\(path) has \(dimensions) dimensions; labels have 1"
        case .noImages(let path): "\(path) holds no picture that can be read here"
        case .picturesBesideClasses(let path, let names, let classes):
            "\(path) has \(names.count) picture\(names.count == 1 ? "" : "s") beside its folders of classes "
                + "(\(Self.list(classes, at: 5))): \(Self.list(names, at: 5)). Each folder is a class: move the "
                + "pictures into one, or pictures or folders to another place"
        case .emptyClasses(let path, let names):
            "\(path) has folders without a picture that can be read here: \(Self.list(names)). "
                + "Each folder is a class: fill them or remove them"
        case .image(let path, let reason): "\(path) cannot be decoded: \(reason)"
        case .wrongShape(let path, let found, let expected):
            "\(path) is \(found), the other images are \(expected) (channels x height x width); "
                + "bring them to one size and number of channels; --resize and --channels do so with pictures in "
                + "folders and tars"
        case .countMismatch(let images, let others, let path):
            "\(path) is for \(others) images, but there are \(images)"
        case .labelOutOfRange(let path, let index, let label, let classes):
            "\(path): label \(label) of image \(index) is not below the number of classes, \(classes)"
        case .holdoutTooLarge(let holdout, let images):
            "a hold-out of \(holdout) leaves too little to train on: of \(images) images --holdout may keep "
                + "at most \(max(images - 2, 0))"
        case .tooFewImages(let images, let calibrating):
            "there are \(images) images; at least \(calibrating + 2) are needed, \(calibrating) of them to calibrate on"
        case .unknownClasses(let path, let names, let known):
            "\(path) has pictures in folders that are no classes of training: \(Self.list(names)); there it has "
                + Self.list(known)
        }
    }

    /// How many names a message lists as a rule.
    private static let listedMax = 20

    /// The first names, and how many more there are.
    static func list(_ names: [String], at most: Int = listedMax) -> String {
        let rest = names.count - most
        return names.prefix(most).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}
