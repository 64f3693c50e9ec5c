import Foundation
import SAME
import Tensor

/// The PNG and JPEG files of a folder, in the order of their paths; each folder directly inside is a class, where there are any,
/// with all that is in it. A single folder around all others is entered.
package struct ImageFolder: Sendable {
    /// The images, in the order of their paths.
    package let images: ImageSet
    /// The class of each image by its folder's place among the sorted folders; nil for a folder without
    /// folders.
    package let labels: Labels?
    /// The names of the classes.
    package let classNames: [String]
    /// How many pictures of how many classes were read, for the user.
    package let summary: String

    /// The most bytes of pixels a folder may come to.
    package static let bytesMax = 8 << 30

    /// Reads a folder. Once converted, all images must have one shape.
    ///
    /// **Throws** at the first file that is damaged, or of another shape, and before that where a picture lies beside the folders of
    /// classes or a class is without one.
    package init(
        _ path: String, conversion: ImageFile.Conversion = .none, bytesMax: Int = Self.bytesMax
    ) throws(DataError) {
        let found = try Self.contents(of: path)
        let tree = try PictureTree(pictures: found.pictures, folders: found.folders, in: path)
        var shape: ImageShape?
        var bytes: [UInt8] = []
        for picture in tree.pictures {
            let file = path + "/" + picture.joined(separator: "/")
            let image = try ImageFile(file, conversion: conversion)
            if let shape, image.shape != shape {
                throw .wrongShape(path: file, found: image.shape, expected: shape)
            }
            shape = image.shape
            bytes += image.bytes
            guard bytes.count <= bytesMax else {
                throw .tooLarge(path: path, bytes: bytes.count, bytesMax: bytesMax)
            }
        }
        guard let shape else { throw .noImages(path: path) }
        images = ImageSet(shape: shape, bytes: bytes)
        classNames = tree.names
        labels = Labels(tree)
        summary = PictureTree.summary(of: path, count: images.count, names: classNames)
    }

    /// Whether a folder holds PNG or JPEG files, directly or in the folders directly inside.
    package static func holdsImages(_ path: String) -> Bool {
        let names = (try? entries(path)) ?? []
        return names.contains { name in
            PictureTree.isImage(name)
                || isFolder(path + "/" + name)
                    && ((try? entries(path + "/" + name)) ?? []).contains(where: PictureTree.isImage)
        }
    }

    /// The pictures and folders inside a folder by their places in it, however deep. `ancestors` are the folders that it lies in.
    private static func contents(
        of path: String, within place: [String] = [], ancestors: Set<String> = []
    ) throws(DataError) -> (pictures: [[String]], folders: Set<[String]>) {
        let real = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard !ancestors.contains(real) else {
            throw .file(.unreadable(path: path, reason: "it leads back to a folder that it lies in"))
        }
        var (pictures, folders): ([[String]], Set<[String]>) = ([], [])
        for name in try entries(path) {
            if isFolder(path + "/" + name) {
                let inside = try contents(
                    of: path + "/" + name, within: place + [name], ancestors: ancestors.union([real]))
                pictures += inside.pictures
                folders.formUnion(inside.folders.union([place + [name]]))
            } else if PictureTree.isImage(name) {
                pictures.append(place + [name])
            }
        }
        return (pictures, folders)
    }

    /// The names in a folder, sorted by their bytes so that every machine reads them in one order.
    private static func entries(_ path: String) throws(DataError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
                .filter { !$0.hasPrefix(".") }
                .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        } catch {
            throw .file(.unreadable(path: path, reason: error.localizedDescription))
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }
}
