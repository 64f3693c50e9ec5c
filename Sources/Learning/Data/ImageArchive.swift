import Foundation
import SAME
import Tensor

/// The PNG and JPEG files of a tar archive, in the order of their paths, as `ImageFolder` reads a folder: the first folder
/// of a path is its class, where every picture lies in one.
package struct ImageArchive: Sendable {
    /// The images, in the order of their paths.
    package let images: ImageSet
    /// The class of each image by its folder's place among the sorted folders; nil where pictures lie outside folders.
    package let labels: Labels?
    /// The names of the classes.
    package let classNames: [String]

    /// Reads an archive, gzipped or not. Once converted, all images must have one shape; other files are passed over.
    package init(
        _ path: String, conversion: ImageFile.Conversion = .none, bytesMax: Int = ImageFolder.bytesMax
    ) throws(DataError) {
        let archive = try TarArchive(path)
        var entries: [(name: String, bytes: [UInt8])] = []
        var shape: ImageShape?
        var total = 0
        while let member = try archive.next() {
            guard Self.isImage(member.name) else { continue }
            let image = try ImageFile(
                encoded: member.bytes, named: "\(path): \(member.name)", conversion: conversion)
            if let shape, image.shape != shape {
                throw .wrongShape(path: "\(path): \(member.name)", found: image.shape, expected: shape)
            }
            shape = image.shape
            total += image.bytes.count
            guard total <= bytesMax else { throw .tooLarge(path: path, bytes: total, bytesMax: bytesMax) }
            entries.append((Self.plain(member.name), image.bytes))
        }
        guard let shape else { throw .noImages(path: path) }
        entries.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        if let twice = zip(entries, entries.dropFirst()).first(where: { $0.name == $1.name }) {
            throw .notTar(path: path, reason: "\(twice.0.name) is in it twice")
        }
        images = ImageSet(shape: shape, bytes: entries.flatMap(\.bytes))
        let folders = entries.map { Self.folder($0.name) }
        if folders.contains(nil) {
            (labels, classNames) = (nil, [])
            return
        }
        let names = Set(folders.compactMap { $0 }).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        labels = Labels(
            values: folders.map { $0.flatMap { places[$0] } ?? 0 }, classes: max(names.count, 2),
            names: names)
        classNames = names
    }

    /// True when the file's name is one that tar archives have.
    package static func isNamedSo(_ path: String) -> Bool {
        let name = (path as NSString).lastPathComponent.lowercased()
        return [".tar", ".tar.gz", ".tgz"].contains { name.hasSuffix($0) }
    }

    private static func plain(_ name: String) -> String {
        name.hasPrefix("./") ? String(name.dropFirst(2)) : name
    }

    private static func folder(_ name: String) -> String? {
        name.firstIndex(of: "/").map { String(name[..<$0]) }
    }

    private static func isImage(_ name: String) -> Bool {
        let file = (name as NSString).lastPathComponent
        return !file.hasPrefix(".")
            && ["png", "jpg", "jpeg"].contains((file as NSString).pathExtension.lowercased())
    }
}
