import Foundation
import SAME
import Tensor

/// The PNG and JPEG files of a tar archive, read as ``ImageFolder`` reads the folder that it would be unpacked to.
package struct ImageArchive: Sendable {
    /// The images, in the order of their paths.
    package let images: ImageSet
    /// The class of each image by its folder's place among the sorted folders; nil where there are no folders.
    package let labels: Labels?
    /// The names of the classes.
    package let classNames: [String]
    /// How many pictures of how many classes were read, for the user.
    package let summary: String

    /// Reads an archive, gzipped or not. Once converted, all images must have one shape; other files are passed over.
    package init(
        _ path: String, conversion: ImageFile.Conversion = .none, bytesMax: Int = ImageFolder.bytesMax
    ) throws(DataError) {
        let archive = try TarArchive(path)
        var entries: [[String]: [UInt8]] = [:]
        var folders: Set<[String]> = []
        var shape: ImageShape?
        var total = 0
        while let member = try archive.next() {
            let place = PictureTree.components(member.name)
            guard let name = place.last else { continue }
            folders.insert(member.isFolder ? place : Array(place.dropLast()))
            guard !member.isFolder, PictureTree.isImage(name), !PictureTree.isHidden(place) else { continue }
            let image = try ImageFile(
                encoded: member.bytes, named: "\(path): \(member.name)", conversion: conversion)
            if let shape, image.shape != shape {
                throw .wrongShape(path: "\(path): \(member.name)", found: image.shape, expected: shape)
            }
            shape = image.shape
            total += image.bytes.count
            guard total <= bytesMax else { throw .tooLarge(path: path, bytes: total, bytesMax: bytesMax) }
            guard entries.updateValue(image.bytes, forKey: place) == nil else {
                throw .notTar(path: path, reason: "\(place.joined(separator: "/")) is in it twice")
            }
        }
        let tree = try PictureTree(pictures: Array(entries.keys), folders: folders, in: path)
        guard let shape else { throw .noImages(path: path) }
        images = ImageSet(shape: shape, bytes: tree.pictures.flatMap { entries[$0] ?? [] })
        classNames = tree.names
        labels = Labels(tree)
        summary = PictureTree.summary(of: path, count: images.count, names: classNames)
    }

    /// True when the file's name is one that tar archives have.
    package static func isNamedSo(_ path: String) -> Bool {
        let name = (path as NSString).lastPathComponent.lowercased()
        return [".tar", ".tar.gz", ".tgz"].contains { name.hasSuffix($0) }
    }
}
