import ArgumentParser
import Foundation
import Learning
import SAME
import Tensor

/// Images and labels as the training commands name them.
enum TrainData {
    /// The program and version that a result's provenance names.
    static let program = "samegate 0.1.0"

    /// Images of a folder, a tar, an npy file, CIFAR's binary files or an IDX file.
    static func images(_ path: String, conversion: ImageFile.Conversion = .none) throws -> ImageSet {
        if isFolder(path) { return try ImageFolder(path, conversion: conversion).images }
        if ImageArchive.isNamedSo(path) { return try ImageArchive(path, conversion: conversion).images }
        if NPYFile.isNamedSo(path) { return try ImageSet(npy: path) }
        if CIFARFile.isNamedSo(path) { return try CIFARFile(contentsOf: [path]).images }
        return try ImageSet(idx: path)
    }

    /// Images with their labels: two IDX files, or a folder with one folder per class.
    static func labelled(
        images path: String, labels: String?, classes: Int? = nil, shape: ImageShape? = nil
    ) throws -> (images: ImageSet, labels: Labels) {
        let result: (images: ImageSet, labels: Labels)
        if let labels {
            let images = try images(path)
            result = (images, try Labels(idx: labels, images: images.count, classes: classes))
        } else if isFolder(path) {
            let folder = try ImageFolder(path)
            guard let labels = folder.labels else {
                throw ValidationError("\(path) has no folder per class: give --labels")
            }
            result = (folder.images, labels)
        } else {
            throw ValidationError("labels are missing for \(path)")
        }
        if let shape, result.images.shape != shape {
            throw DataError.wrongShape(path: path, found: result.images.shape, expected: shape)
        }
        return result
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }
}
