import ArgumentParser
import Foundation
import Learning
import RedTeam
import SAME
import Tensor

/// Where an evaluation has pictures from.
struct EvaluateDataOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            A data set as NAME=PATH, or the victim's as PATH alone; may be repeated. The names are victim, proxy and outliers, \
            or those the paper uses: mnist, emnist and kmnist, or cifar10, cifar100 and tiny-imagenet. A set is a folder \
            with MNIST's IDX files, train.tar and test.tar, CIFAR's binary files, or train and test folders.
            """, valueName: "name=path"))
    var data: [String] = []
    @Option(
        help: ArgumentHelp(
            "Pictures that attackers have: a set as for --data, or IDX, npy or CIFAR files, tars or folders of pictures; may be "
                + "repeated.",
            valueName: "path"))
    var proxy: [String] = []
    @Option(
        help: ArgumentHelp(
            "Further pictures to ask about at random, as knockoff does with its proxy, under a name of their own in the report; "
                + "may be repeated.", valueName: "name=path"))
    var queries: [String] = []
    @Option(help: ArgumentHelp("Labels (IDX) of a single proxy, for knockoff-adaptive.", valueName: "path"))
    var proxyLabels: String?
    @Option(
        help: ArgumentHelp(
            "Pictures that no attack uses, to train the baselines OE and EDM on; without them these are left out.",
            valueName: "path"))
    var outliers: String?
    @OptionGroup var pictures: ConversionOptions
    @Option(help: "Use no more than so many test pictures.")
    var testCount: Int?

    func validate() throws {
        if proxyLabels != nil, proxy.count != 1 {
            throw ValidationError("--proxy-labels goes with exactly one --proxy")
        }
        for entry in queries {
            let name = entry.prefix { $0 != "=" }
            guard name.count < entry.count - 1, !name.isEmpty,
                name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" })
            else {
                throw ValidationError(
                    "--queries “\(entry)” is not NAME=PATH, a name of letters, digits and hyphens")
            }
            guard !AttackCatalogue.names.contains(String(name)) else {
                throw ValidationError("--queries: \(name) is an attack's name")
            }
        }
        guard Set(queryNames).count == queries.count else {
            throw ValidationError("--queries has a name twice")
        }
        if let testCount, testCount < 200 { throw ValidationError("--test-count must be at least 200") }
        for entry in data where entry.hasPrefix("=") || entry.hasSuffix("=") || entry.isEmpty {
            throw ValidationError("--data “\(entry)” is not NAME=PATH")
        }
    }

    /// The names of the further pictures, in the order given.
    var queryNames: [String] { queries.map { String($0.prefix { $0 != "=" }) } }

    /// Refuses sets that the suite has no use for, most often a slip of the name, and two for the same use.
    func refuseUnused(_ suite: EvaluateSuite) throws {
        let given = data.map { $0.contains("=") ? String($0.prefix { $0 != "=" }) : "victim" }
        let uses: [(own: String, role: String, option: String?)] = [
            (suite.data.victim, "victim", nil), (suite.data.proxy, "proxy", proxy.isEmpty ? nil : "--proxy"),
            (suite.data.outliers, "outliers", outliers == nil ? nil : "--outliers"),
        ]
        for name in given where !uses.contains(where: { name == $0.own || name == $0.role }) {
            let known = uses.map { $0.own == $0.role ? $0.role : "\($0.own) or \($0.role)" }
            throw ValidationError(
                "--data \(name): suite \(suite.rawValue) has no such set; there are \(known.joined(separator: ", "))"
            )
        }
        for use in uses {
            let names = given.filter { $0 == use.own || $0 == use.role }.map { "--data \($0)" }
            let all = names + (use.option.map { [$0] } ?? [])
            guard names.isEmpty || all.count == 1 else {
                throw ValidationError(
                    "\(all.joined(separator: ", ")): one of them, not several for the same use")
            }
        }
    }

    /// What was read.
    struct Loaded {
        var own: PicturePool
        var proxy: PicturePool
        var test: ImageSet
        var testLabels: Labels
        var outliers: PicturePool?
        /// By their names.
        var queries: [String: PicturePool] = [:]
    }

    /// The sets that a suite needs. Folders of any pictures give at most `proxyCount` of them.
    func load(_ suite: EvaluateSuite, proxyCount: Int) throws -> Loaded {
        let path = try victimPath(suite)
        let conversion = try pictures.checkedConversion(of: path, unless: EvaluateData.isOfOneShape)
        guard let train = try EvaluateData.labelled(path, .train, conversion: conversion),
            let read = try EvaluateData.labelled(path, .test, conversion: conversion)
        else {
            throw ValidationError("\(path) holds no training and test pictures that are known here")
        }
        let image = train.images.shape
        guard read.images.shape == image else {
            throw DataError.wrongShape(path: path, found: read.images.shape, expected: image)
        }
        let labels = try read.labels.numbered(as: train.labels, path: "\(path)/test")
        let test = Evaluation.Data.drawn(read.images, labels, count: testCount)
        let own = PicturePool(images: train.images, labels: train.labels)
        let pools = try proxyPaths(suite).map { try pool($0, image, proxyCount, labels: proxyLabels) }
        var loaded = Loaded(
            own: own, proxy: try joined(pools, image), test: test.images, testLabels: test.labels,
            outliers: try outliersPath(suite).map {
                try pool($0, image, Self.outliersMax)
            })
        for (name, entry) in zip(queryNames, queries) {
            loaded.queries[name] = try pool(String(entry.dropFirst(name.count + 1)), image, proxyCount)
        }
        return loaded
    }

    private static let outliersMax = 10_000

    private func joined(_ pools: [PicturePool], _ image: ImageShape) throws -> PicturePool {
        guard let first = pools.first else { return PicturePool(images: ImageSet(shape: image, bytes: [])) }
        guard pools.count > 1 else { return first }
        return PicturePool(images: ImageSet(shape: image, bytes: pools.flatMap(\.images.bytes)))
    }

    private func named(_ name: String) -> String? {
        data.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
    }

    private func victimPath(_ suite: EvaluateSuite) throws -> String {
        if let path = data.first(where: { !$0.contains("=") }) { return path }
        if let path = named(suite.data.victim) ?? named("victim") { return path }
        guard suite == .quick else {
            throw ValidationError(
                "suite \(suite.rawValue) needs --data \(suite.data.victim)=DIRECTORY, or --data DIRECTORY for another set"
            )
        }
        return "/usr/share/datasets/fashion-mnist"
    }

    private func proxyPaths(_ suite: EvaluateSuite) throws -> [String] {
        if !proxy.isEmpty { return proxy }
        if let path = named(suite.data.proxy) ?? named("proxy") { return [path] }
        guard suite == .quick || suite == .table3 else {
            throw ValidationError(
                "suite \(suite.rawValue) needs --data \(suite.data.proxy)=PATH, or --proxy PATH for other pictures"
            )
        }
        return suite == .quick ? ["/usr/share/icons/Tango", "/usr/share/icons/Adwaita"] : []
    }

    private func outliersPath(_ suite: EvaluateSuite) -> String? {
        outliers ?? named(suite.data.outliers) ?? named("outliers")
    }

    /// The options that name outliers, of those that were given.
    func outliersOptions(_ suite: EvaluateSuite) -> [(name: String, isGiven: Bool)] {
        let names = Set([suite.data.outliers, "outliers"]).sorted()
        return [("--outliers", outliers != nil)] + names.map { ("--data \($0)", named($0) != nil) }
    }

    /// Refuses to measure what defences cost with none to compare with.
    func requireOutliers(_ suite: EvaluateSuite) throws {
        guard outliersPath(suite) == nil else { return }
        throw ValidationError(
            "suite \(suite.rawValue) trains OE and EDM: it needs --data \(suite.data.outliers)=PATH, or --outliers PATH"
        )
    }

    private func pool(
        _ path: String, _ image: ImageShape, _ count: Int, labels: String? = nil
    ) throws -> PicturePool {
        let pool = try EvaluateData.elsewhere(path, image, count: count, seed: 2)
        guard let labels else { return pool }
        return PicturePool(images: pool.images, labels: try TrainData.labels(labels, images: pool.count))
    }
}
