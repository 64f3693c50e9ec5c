import ArgumentParser
import Foundation
import Learning
import SAME
import Tensor

/// Images and labels as the training commands name them.
enum TrainData {
    /// The program and version that a result's provenance names.
    static let program = "samegate 0.1.0"

    /// Images of an IDX file, or of a folder.
    static func images(_ path: String, conversion: ImageFile.Conversion = .none) throws -> ImageSet {
        try isFolder(path) ? ImageFolder(path, conversion: conversion).images : ImageSet(idx: path)
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
