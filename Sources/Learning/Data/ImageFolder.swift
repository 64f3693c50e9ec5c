import Foundation
import SAME
import Tensor

/// The PNG and JPEG files of a folder, in the order of their paths; each folder directly inside is a class,
/// where there are any.
package struct ImageFolder: Sendable {
    /// The images, in the order of their paths.
    package let images: ImageSet
    /// The class of each image by its folder's place among the sorted folders; nil for a folder without
    /// folders.
    package let labels: Labels?
    /// The names of the classes.
    package let classNames: [String]

    /// The most bytes of pixels a folder may come to.
    package static let bytesMax = 8 << 30

    /// Reads a folder. Once converted, all images must have one shape.
    ///
    /// **Throws** at the first file that is damaged, or of another shape.
    package init(
        _ path: String, conversion: ImageFile.Conversion = .none, bytesMax: Int = Self.bytesMax
    ) throws(DataError) {
        let (files, names) = try Self.files(in: path)
        var shape: ImageShape?
        var bytes: [UInt8] = []
        for file in files {
            let image = try ImageFile(file.path, conversion: conversion)
            if let shape, image.shape != shape {
                throw .wrongShape(path: file.path, found: image.shape, expected: shape)
            }
            shape = image.shape
            bytes += image.bytes
            guard bytes.count <= bytesMax else {
                throw .tooLarge(path: path, bytes: bytes.count, bytesMax: bytesMax)
            }
        }
        guard let shape else { throw .noImages(path: path) }
        images = ImageSet(shape: shape, bytes: bytes)
        classNames = names
        labels =
            names.isEmpty
            ? nil : Labels(values: files.map(\.label), classes: max(names.count, 2), names: names)
    }

    /// Whether a folder holds PNG or JPEG files, directly or in the folders directly inside.
    package static func holdsImages(_ path: String) -> Bool {
        let names = (try? entries(path)) ?? []
        return names.contains { name in
            isImage(name)
                || isFolder(path + "/" + name)
                    && ((try? entries(path + "/" + name)) ?? []).contains(where: isImage)
        }
    }

    private static func files(
        in path: String
    ) throws(DataError) -> (files: [(path: String, label: Int)], names: [String]) {
        let names = try entries(path)
        let classes = names.filter { isFolder(path + "/" + $0) }
        guard !classes.isEmpty else {
            return (names.filter(isImage).map { (path + "/" + $0, 0) }, [])
        }
        var files: [(path: String, label: Int)] = []
        for (label, name) in classes.enumerated() {
            for file in try entries(path + "/" + name) where isImage(file) {
                files.append((path + "/" + name + "/" + file, label))
            }
        }
        return (files, classes)
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

    private static func isImage(_ name: String) -> Bool {
        ["png", "jpg", "jpeg"].contains((name as NSString).pathExtension.lowercased())
    }
}
