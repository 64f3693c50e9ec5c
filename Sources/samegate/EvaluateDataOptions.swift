import ArgumentParser
import Foundation
import Learning
import RedTeam
import SAME
import Tensor

/// Where an evaluation has models and pictures from.
struct EvaluateDataOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The victim: a model of `samegate train-victim`.", valueName: "directory"))
    var victim = "Config/demo/victim.model"
    @Option(help: ArgumentHelp("The scorer: a bundle of `samegate fit`.", valueName: "directory"))
    var bundle = "Config/demo/fashion.bundle"
    @Option(
        help: ArgumentHelp(
            "The victim's data: a folder with the four IDX files of MNIST and its relatives.",
            valueName: "directory"))
    var data = "/usr/share/datasets/fashion-mnist"
    @Option(
        help: ArgumentHelp(
            "Pictures from elsewhere: IDX or npy files, tars or folders of pictures; may be repeated.",
            valueName: "path"))
    var proxy: [String] = ["/usr/share/icons/Tango", "/usr/share/icons/Adwaita"]
    @Option(help: ArgumentHelp("Labels (IDX) of a single proxy, for knockoff-adaptive.", valueName: "path"))
    var proxyLabels: String?

    @Option(
        help: ArgumentHelp(
            "Pictures that no attack uses, to train the baselines OE and EDM on; without them these are left out.",
            valueName: "path"))
    var outliers: String?

    func validate() throws {
        if proxyLabels != nil, proxy.count != 1 {
            throw ValidationError("--proxy-labels goes with exactly one --proxy")
        }
    }

    /// Everything read. Folders of any pictures give at most `proxyCount` of them.
    func load(
        image: ImageShape, proxyCount: Int, training: SubstituteTraining
    ) throws -> Evaluation.Data {
        let own = try ImageSet(idx: try file("train-images"))
        let test = try ImageSet(idx: try file("t10k-images"))
        let labels = try Labels(idx: try file("t10k-labels"), images: test.count)
        for (set, name) in [(own, "train-images"), (test, "t10k-images")] where set.shape != image {
            throw DataError.wrongShape(path: "\(data)/\(name)", found: set.shape, expected: image)
        }
        let pools = try proxy.map { try pool($0, image, proxyCount) }
        guard let first = pools.first else { throw ValidationError("there is no --proxy") }
        let bytes = pools.flatMap(\.images.bytes)
        let joined = pools.count == 1 ? first : PicturePool(images: ImageSet(shape: image, bytes: bytes))
        guard joined.count > 0 else { throw DataError.noImages(path: proxy.joined(separator: ", ")) }
        var material = AttackMaterial(
            proxy: joined,
            own: PicturePool(
                images: own, labels: try Labels(idx: try file("train-labels"), images: own.count)))
        material.training = training
        return Evaluation.Data(material: material, test: test, testLabels: labels)
    }

    /// The outliers of the trained baselines, or nil.
    func loadOutliers(image: ImageShape) throws -> PicturePool? {
        try outliers.map { try pool($0, image, Self.outliersMax) }
    }

    private static let outliersMax = 10_000

    private func file(_ name: String) throws -> String {
        let kind = name.hasSuffix("labels") ? "idx1" : "idx3"
        let path = "\(data)/\(name)-\(kind)-ubyte"
        return FileManager.default.fileExists(atPath: path) ? path : path + ".gz"
    }

    private func pool(_ path: String, _ image: ImageShape, _ count: Int) throws -> PicturePool {
        var pool: PicturePool
        if IDXFile.isNamedSo(path) {
            pool = PicturePool(images: try ImageSet(idx: path))
        } else if NPYFile.isNamedSo(path) {
            pool = PicturePool(images: try ImageSet(npy: path))
        } else if ImageArchive.isNamedSo(path) {
            let conversion = ImageFile.Conversion(
                size: (image.width, image.height), channels: image.channels, background: 0)
            let archive = try ImageArchive(path, conversion: conversion)
            pool = PicturePool(images: archive.images, labels: archive.labels)
        } else {
            let pictures = ForeignPictures(folders: [path], count: count, image: image, seed: 2)
            pool = PicturePool(pictures.values, shape: image)
        }
        guard pool.images.shape == image else {
            throw DataError.wrongShape(path: path, found: pool.images.shape, expected: image)
        }
        if let proxyLabels, path != outliers {
            pool = PicturePool(images: pool.images, labels: try Labels(idx: proxyLabels, images: pool.count))
        }
        return pool
    }
}
