import ArgumentParser
import Foundation
import Learning
import SAME
import Tensor

/// Images and labels as the training commands name them.
enum TrainData {
    /// The program and version that a result's provenance names.
    static let program = "samegate 0.1.0"

    /// What `--images` takes, for help texts.
    static let imagesHelp: ArgumentHelp = """
        Training images: an IDX file (plain or gzipped), an npy file (N×H×W or N×H×W×C, uint8 or floats in 0…1), CIFAR's \
        binary files or the folder that holds them, or a folder or tar of PNG and JPEG files.
        """

    /// Images of a folder, a tar, an npy file, CIFAR's binary files or an IDX file.
    static func images(_ path: String, conversion: ImageFile.Conversion = .none) throws -> ImageSet {
        try contents(path, conversion: conversion).images
    }

    /// Images with their labels: of an IDX file, or those that the images come with, as in CIFAR's files and in folders and
    /// tars with one folder per class.
    static func labelled(
        images path: String, labels: String?, classes: Int? = nil, shape: ImageShape? = nil,
        conversion: ImageFile.Conversion = .none
    ) throws -> (images: ImageSet, labels: Labels) {
        let found = try contents(path, conversion: conversion)
        if let shape, found.images.shape != shape {
            throw DataError.wrongShape(path: path, found: found.images.shape, expected: shape)
        }
        if let labels {
            return (
                found.images, try self.labels(labels, images: found.images.count, classes: classes)
            )
        }
        guard let labels = found.labels else {
            throw ValidationError(
                "\(path) has neither labels in it nor a folder per class: give them as an IDX or npy file")
        }
        // Of a test set the training's classes are known.
        if classes == nil, let only = labels.names?.first, labels.names?.count == 1 {
            throw ValidationError(
                "\(path) has pictures of one class alone, “\(only)”: give a folder or tar with a folder for each class"
            )
        }
        return (found.images, labels)
    }

    /// Labels of an IDX or npy file, for so many images.
    static func labels(_ path: String, images: Int, classes: Int? = nil) throws -> Labels {
        NPYFile.isNamedSo(path)
            ? try Labels(npy: path, images: images, classes: classes)
            : try Labels(idx: path, images: images, classes: classes)
    }

    /// Whatever a path holds, with labels where it holds some. What was read of a folder or tar is said.
    static func contents(
        _ path: String, conversion: ImageFile.Conversion = .none
    ) throws -> (images: ImageSet, labels: Labels?) {
        if isFolder(path) {
            if let cifar = try CIFARFile(folder: path) { return (cifar.images, cifar.labels) }
            let folder = try ImageFolder(path, conversion: conversion)
            TrainSession.say(folder.summary)
            return (folder.images, folder.labels)
        }
        if ImageArchive.isNamedSo(path) {
            let archive = try ImageArchive(path, conversion: conversion)
            TrainSession.say(archive.summary)
            return (archive.images, archive.labels)
        }
        if NPYFile.isNamedSo(path) { return (try ImageSet(npy: path), nil) }
        if CIFARFile.isNamedSo(path) {
            let cifar = try CIFARFile(contentsOf: [path], kind: CIFARFile.kind(named: path))
            return (cifar.images, cifar.labels)
        }
        return (try ImageSet(otherFile: path), nil)
    }

    /// Whether what a path holds comes in one shape and is not converted: all but folders and tars of pictures.
    static func isOfOneShape(_ path: String) throws -> Bool {
        try isFolder(path) ? CIFARFile(folder: path) != nil : !ImageArchive.isNamedSo(path)
    }

    static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }
}
