import Foundation
import Learning
import RedTeam
import SAME
import Tensor

/// Labelled pictures in whatever files a data set comes.
enum EvaluateData {
    /// Which part of a data set.
    enum Part: String {
        case train, test
    }

    /// The part of the set in a folder: the IDX files of MNIST and its relatives, `train.tar` and `test.tar`, CIFAR's binary
    /// files, or the folders `train` and `test` with one folder a class. Nil where the folder holds none of these.
    static func labelled(
        _ folder: String, _ part: Part, conversion: ImageFile.Conversion = .none
    ) throws -> (images: ImageSet, labels: Labels)? {
        if let images = existing("\(folder)/\(part == .train ? "train" : "t10k")-images-idx3-ubyte"),
            let labels = existing("\(folder)/\(part == .train ? "train" : "t10k")-labels-idx1-ubyte")
        {
            let set = try ImageSet(idx: images)
            return (set, try TrainData.labels(labels, images: set.count))
        }
        if let tar = existing("\(folder)/\(part.rawValue).tar") {
            let archive = try ImageArchive(tar, conversion: conversion)
            return try labelled(archive.images, archive.labels, tar)
        }
        if let file = try cifar(folder, part) { return (file.images, file.labels) }
        let path = "\(folder)/\(part.rawValue)"
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            return nil
        }
        let set = try TrainData.labelled(images: path, labels: nil, conversion: conversion)
        return (set.0, set.1)
    }

    /// Whether the set in a folder comes in one shape and is not converted: IDX and CIFAR's binary files.
    static func isOfOneShape(_ folder: String) throws -> Bool {
        if existing("\(folder)/train-images-idx3-ubyte") != nil { return true }
        return try existing("\(folder)/train.tar") == nil && cifar(folder, .train) != nil
    }

    /// Pictures that are not the victim's own, in its format: of a file, a tar, a data set's folder, or a folder of PNG and JPEG
    /// files, flat or with one folder a class. A tree of folders that is deeper, as icons come in, gives `count` different
    /// pictures at most, drawn by `seed`: see ``RedTeam/ForeignPictures``.
    static func elsewhere(
        _ path: String, _ image: ImageShape, count: Int, seed: UInt64
    ) throws -> PicturePool {
        let conversion = ImageFile.Conversion(
            size: (image.width, image.height), channels: image.channels, background: 0)
        let pool: PicturePool
        if let set = try labelled(path, .train, conversion: conversion) {
            pool = PicturePool(images: set.images, labels: set.labels)
        } else if TrainData.isFolder(path), try CIFARFile(folder: path) == nil, !ImageFolder.holdsImages(path)
        {
            let pictures = ForeignPictures(folders: [path], count: count, image: image, seed: seed)
            pool = PicturePool(pictures.values, shape: image)
        } else {
            let found = try TrainData.contents(path, conversion: conversion)
            pool = PicturePool(images: found.images, labels: found.labels)
        }
        guard pool.count > 0 else { throw DataError.noImages(path: path) }
        guard pool.images.shape == image else {
            throw DataError.wrongShape(path: path, found: pool.images.shape, expected: image)
        }
        return pool
    }

    private static func cifar(_ folder: String, _ part: Part) throws -> CIFARFile? {
        if part == .train { return try CIFARFile(folder: folder) }
        if let path = existing("\(folder)/test_batch.bin") {
            return try CIFARFile(contentsOf: [path])
        }
        return try existing("\(folder)/test.bin").map { try CIFARFile(contentsOf: [$0], kind: .hundred) }
    }

    private static func labelled(
        _ images: ImageSet, _ labels: Labels?, _ path: String
    ) throws -> (images: ImageSet, labels: Labels) {
        guard let labels else {
            throw DataError.notLabels(path: path, dimensions: 0)
        }
        return (images, labels)
    }

    /// The file of this name, plain or gzipped.
    private static func existing(_ path: String) -> String? {
        [path, path + ".gz"].first { FileManager.default.fileExists(atPath: $0) }
    }
}
